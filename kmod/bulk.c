// SPDX-License-Identifier: GPL-2.0-only
/*
 * Payloads that are too long to be copied: the caller's pages, pinned while the
 * card has them, and the list of segments that tells it where they are. The card
 * only reads them, so a late access spoils nothing; they are let go of when the
 * slot retires, like all that a descriptor names.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "k7.h"

static_assert(sizeof(struct k7_segment) == 16);

/**
 * struct k7_bulk - a request payload that is pinned
 * @k7:		card; its count of pinned pages goes down when @pages go
 * @pages:	of the caller, NULL after they were let go of
 * @page_count:	entries of @pages
 * @table:	the payload in pieces
 * @list:	the same for the card, K7_SEGMENTS_MAX entries at most
 * @list_bytes:	room at @list
 * @segments:	entries of @list, while it is mapped
 */
struct k7_bulk {
	struct k7_device *k7;
	struct page **pages;
	unsigned int page_count;
	struct sg_table table;
	struct k7_segment *list;
	u32 list_bytes;
	unsigned int segments;
};

unsigned int k7_bulk_segments(const struct k7_request *req)
{
	return req->bulk->segments;
}

/* ---- Pinning ---- */

/* From any context. */
static void k7_bulk_unpin(struct k7_bulk *bulk)
{
	if (!bulk->pages)
		return;
	unpin_user_pages(bulk->pages, bulk->page_count);
	atomic_sub(bulk->page_count, &bulk->k7->bulk_pages);
	kfree(bulk->pages);
	bulk->pages = NULL;
}

static int k7_bulk_pin_pages(struct k7_bulk *bulk, u64 addr, unsigned int count)
{
	struct page **pages = kmalloc_array(count, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	int pinned;

	if (!pages)
		return -ENOMEM;
	if (atomic_add_return(count, &bulk->k7->bulk_pages) > K7_BULK_PINNED_MAX >> PAGE_SHIFT) {
		pinned = -ENOMEM;
		goto fail;
	}
	/* Long-term: a card that does not answer has them until it is reset. */
	pinned = pin_user_pages_fast(addr & PAGE_MASK, count, FOLL_LONGTERM, pages);
	if (pinned == count) {
		bulk->pages = pages;
		bulk->page_count = count;
		return 0;
	}
	if (pinned > 0)
		unpin_user_pages(pages, pinned);
fail:
	atomic_sub(count, &bulk->k7->bulk_pages);
	kfree(pages);
	return pinned == -ENOMEM ? -ENOMEM : -EFAULT;
}

/* No piece is longer than what can be mapped at once: bounce buffers have a limit. */
static int k7_bulk_describe(struct k7_bulk *bulk, u64 addr, u32 len)
{
	struct device *dev = &bulk->k7->pdev->dev;
	size_t piece = min_t(size_t, dma_max_mapping_size(dev), dma_get_max_seg_size(dev));
	int err;

	err = sg_alloc_table_from_pages_segment(&bulk->table, bulk->pages, bulk->page_count,
						offset_in_page(addr), len, piece, GFP_KERNEL);
	if (err)
		return err;
	bulk->list_bytes = bulk->table.orig_nents * sizeof(*bulk->list);
	bulk->list = k7_payload_alloc(bulk->list_bytes, GFP_KERNEL);
	return bulk->list ? 0 : -ENOMEM;
}

/**
 * k7_bulk_pin - make pages of the current task the payload of a request
 * @k7:		card
 * @req:	request that has no payload yet
 * @addr:	where they are
 * @len:	bytes
 *
 * Return: 0, -EFAULT, -ENOMEM; the request lets go of what it has got in each case.
 */
int k7_bulk_pin(struct k7_device *k7, struct k7_request *req, u64 addr, u32 len)
{
	unsigned int count = DIV_ROUND_UP(offset_in_page(addr) + len, PAGE_SIZE);
	struct k7_bulk *bulk = kzalloc(sizeof(*bulk), GFP_KERNEL_ACCOUNT);
	int err;

	if (!bulk)
		return -ENOMEM;
	req->bulk = bulk;
	req->in_len = len;
	bulk->k7 = k7;
	/* On 32 bits, or with a bad pointer: pages that begin elsewhere. */
	if (addr != (unsigned long)addr || addr + len < addr)
		return -EFAULT;
	err = k7_bulk_pin_pages(bulk, addr, count);
	return err ?: k7_bulk_describe(bulk, addr, len);
}

/* The request has let go of it; it is not mapped. From any context. */
void k7_bulk_free(struct k7_request *req)
{
	struct k7_bulk *bulk = req->bulk;

	k7_bulk_unpin(bulk);
	sg_free_table(&bulk->table);
	k7_payload_free(bulk->list, bulk->list_bytes);
	kfree(bulk);
}

/* ---- Mapping ---- */

static void k7_bulk_fill_list(struct k7_bulk *bulk)
{
	struct scatterlist *piece;
	unsigned int i;

	for_each_sgtable_dma_sg(&bulk->table, piece, i) {
		bulk->list[i].addr = cpu_to_le64(sg_dma_address(piece));
		bulk->list[i].len = cpu_to_le32(sg_dma_len(piece));
		bulk->list[i].reserved = 0;
	}
	bulk->segments = bulk->table.nents;
}

/* Return: 0 or -ENOMEM. From any context. */
int k7_bulk_map(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;
	struct k7_bulk *bulk = req->bulk;

	if (dma_map_sgtable(dev, &bulk->table, DMA_TO_DEVICE, 0))
		return -ENOMEM;
	k7_bulk_fill_list(bulk);
	req->in_dma = dma_map_single(dev, bulk->list, bulk->list_bytes, DMA_TO_DEVICE);
	if (!dma_mapping_error(dev, req->in_dma))
		return 0;
	dma_unmap_sgtable(dev, &bulk->table, DMA_TO_DEVICE, 0);
	return -ENOMEM;
}

/* The card has no more business with it: also the pages go back. From any context. */
void k7_bulk_unmap(struct k7_device *k7, struct k7_request *req)
{
	struct device *dev = &k7->pdev->dev;
	struct k7_bulk *bulk = req->bulk;

	dma_unmap_single(dev, req->in_dma, bulk->list_bytes, DMA_TO_DEVICE);
	dma_unmap_sgtable(dev, &bulk->table, DMA_TO_DEVICE, 0);
	k7_bulk_unpin(bulk);
}
