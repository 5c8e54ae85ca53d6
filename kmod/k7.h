/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private definitions of the k7hsm driver: its structures, who locks what, and
 * what the files offer to each other. docs/driver.md has the picture.
 *
 * Lock order: control, mailbox_lock, then one of the spinlocks, of which only a
 * ring's and then a file's are nested. gate is held with none of the first two.
 */
#ifndef K7_H
#define K7_H

#include <linux/bitmap.h>
#include <linux/cdev.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/fault-inject.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <k7/hw.h>
#include <k7/payload.h>
#include <k7/status.h>
#include <uapi/linux/k7hsm.h>

#define K7_NAME			"k7hsm"
#define K7_DRIVER_VERSION	"0.1.0"

/* Entries of a ring: more than anybody keeps in flight, and only three pages. */
#define K7_RING_ENTRIES		128
#define K7_RING_SLOT_MASK	(K7_RING_ENTRIES - 1)
#define K7_VECTORS_MAX		(1 + K7_RING_MAX)

/* Submissions of a file that can wait to be collected. */
#define K7_IN_FLIGHT_MAX	256

/* What all requests of a card can keep pinned, abandoned ones included. */
#define K7_BULK_PINNED_MAX	(64u << 20)

/* What the payloads of their own of all requests of files can take, uncollected ones included. */
#define K7_PAYLOADS_MAX		(64u << 20)

/* Payloads up to this lie in the ring's own memory while the card has them. */
#define K7_SMALL_PAYLOAD	256

#define K7_HEALTH_PERIOD	HZ	/* how often the card is looked at, when nothing happens */
#define K7_WATCH_PERIOD		(HZ / 20)	/* ... and asked whether it is still there */
#define K7_STORM_PERIOD		(HZ / 50)	/* ... and while an interrupt storms */
#define K7_START_TIMEOUT_MS	10000	/* for the card to come up after a reset */
#define K7_RING_STOP_TIMEOUT_MS	500	/* for a ring to show that it is disabled */

struct io_uring_cmd;
struct k7_bulk;
struct k7_device;
struct k7_file;
struct k7_fm_log;

/* The card as it was last seen. */
struct k7_card_view {
	u32 state;		/* STATE register */
	u32 generation;
	u32 fault_sequence;
};

/* Things that should not happen, for sysfs and debugfs, which show whatever is in this list. */
#define K7_COUNTERS(COUNTER)						\
	COUNTER(completions_polled)	/* found without an interrupt */	\
	COUNTER(timeouts)							\
	COUNTER(protocol_errors)	/* the card broke a rule of the rings or the mailbox */ \
	COUNTER(cancelled)		/* requests that a reset or a halt ended */ \
	COUNTER(resets)							\
	/* Rungs of the ladder that have no counter above. */		\
	COUNTER(gone)							\
	COUNTER(aer)							\
	COUNTER(halted)							\
	COUNTER(aborted)						\
	COUNTER(timeout_resets)						\
	COUNTER(irq_storms)

#define K7_COUNTER_FIELD(name)	atomic_t name;
struct k7_counters {
	K7_COUNTERS(K7_COUNTER_FIELD)
};

/**
 * struct k7_request - one command for the firmware
 * @ref:	one reference for whoever sent it, one for the ring, one for the timer
 * @end:	called once when it is finished, with the ring's lock held; may be NULL
 * @done:	completed when it is finished, if somebody sleeps for it
 * @opcode:	K7_CMD_*
 * @channel:	channel it belongs to
 * @closes:	channel whose number is free again when the card answers OK, or 0
 * @arg:	arguments of the command
 * @in:		request payload: behind this struct when it is small, else whole pages
 * @out:	room for the reply payload, likewise
 * @in_len:	bytes of request payload
 * @out_len:	bytes at @out
 * @in_dma:	bus address of the request payload while a ring slot holds the request
 * @out_dma:	likewise of the room for the reply
 * @pages:	what @in and @out take of k7_device.payload_pages
 * @bulk:	pinned pages that are the request payload instead of @in, or NULL
 * @ring:	ring that it was given to
 * @node:	in k7_ring.backlog, and before that wherever the sender wants it
 * @queued:	in k7_ring.backlog
 * @file:	file that it was sent on, a reference is held; NULL: the driver's own
 * @file_node:	in k7_file.live or k7_file.done, when it was submitted
 * @user_data:	for the completion
 * @out_addr:	where in user memory the reply goes
 * @uring:	command of io_uring that it belongs to
 * @fm_log:	whose it is, when it asks for lines of FMs
 * @async:	nobody polls for its end: an interrupt has to tell it
 * @interrupt:	somebody may sleep until it ends: counted in k7_ring.wanted
 * @tag:	tag on the ring; the low bits are the slot
 * @timeout:	jiffies after which it ends by itself; 0: whoever waits looks at the clock
 * @timer:	runs for @timeout
 * @patience:	jiffies that the card may have it before it is taken to be stuck
 * @deadline:	when that is over
 * @aborted:	the ladder has sent an abort for it, or shall not
 * @sent:	jiffies when it was submitted
 * @sent_ns:	the same by local_clock(), which is quick to read everywhere
 * @finished:	the fields below are final; they and this are written under the
 *		ring's lock before @end is called
 * @error:	0, or a negative errno when the card did not answer
 * @status:	status code of the card
 * @result:	result word of the card
 * @reply_len:	bytes of reply at @out
 * @generation:	card generation in which it was submitted
 *
 * Payloads are wiped when the last reference goes, wherever that is.
 */
struct k7_request {
	struct kref ref;
	void (*end)(struct k7_request *req);
	struct completion done;
	u16 opcode;
	u32 channel;
	u32 closes;
	u32 arg[4];
	void *in;
	void *out;
	u32 in_len;
	u32 out_len;
	dma_addr_t in_dma;
	dma_addr_t out_dma;
	unsigned int pages;
	struct k7_bulk *bulk;
	struct k7_ring *ring;
	struct list_head node;
	bool queued;
	struct k7_file *file;
	struct list_head file_node;
	u64 user_data;
	u64 out_addr;
	struct io_uring_cmd *uring;
	struct k7_fm_log *fm_log;
	bool async;
	bool interrupt;
	u32 tag;
	unsigned long timeout;
	struct timer_list timer;
	unsigned long patience;
	unsigned long deadline;
	bool aborted;
	unsigned long sent;
	u64 sent_ns;

	bool finished;
	int error;
	u32 status;
	u32 result;
	u32 reply_len;
	u32 generation;
};

/* Small payloads of the request in a slot. The card may read and write all of it. */
struct k7_slot_payload {
	u8 in[K7_SMALL_PAYLOAD];
	u8 out[K7_SMALL_PAYLOAD];
};

/* A submission and completion ring pair. The ring memory lives from probe to remove. */
struct k7_ring {
	struct k7_device *k7;
	unsigned int index;
	unsigned int vector;
	unsigned int entries;
	struct k7_sqe *sq;
	struct k7_cqe *cq;
	struct k7_slot_payload *payloads;	/* one for each slot */
	dma_addr_t sq_dma;
	dma_addr_t cq_dma;
	dma_addr_t payloads_dma;

	spinlock_t lock;	/* protects what follows; taken in interrupts */
	bool up;		/* takes requests */
	bool active;		/* the card may write to it */
	bool armed;		/* the card owes an interrupt; read without the lock */
	u32 generation;		/* card generation in which it was enabled */
	u32 sq_tail;
	u32 sq_told;		/* tail of the last doorbell */
	u32 cq_head;
	u32 phase;
	u32 sequence;		/* upper bits of the next tag; read without the lock */
	u32 latency_ns;		/* moving average of what requests take */
	unsigned int in_flight;
	unsigned int wanted;	/* requests in slots and backlog that need an interrupt */
	struct list_head backlog;	/* requests that wait for a slot */
	struct k7_request *slots[K7_RING_ENTRIES];
};

struct k7_vector {
	struct k7_device *k7;
	unsigned int index;
	int irq;
	bool requested;
	char name[24];

	/* The handler's, which looks for storms. */
	unsigned long window;	/* jiffies when it began to count */
	unsigned int interrupts;	/* since then */
	u32 submissions;	/* requests sent until then */
	bool masked;		/* for storming, until the work unmasks it ... */
	unsigned long resume;	/* ... after these jiffies */
};

/* The oldest request at the ladder's last look. */
struct k7_watch {
	unsigned int ring;
	u64 sent_ns;
	unsigned long since;	/* jiffies: nothing tells that the card has gone on since then */
	u32 own;		/* requests of its ring that had ended when it became the oldest */
	u32 others;		/* those of other rings that had ended by the last look; wraps */
	u32 overtaken;		/* of these, how many have ended since it is the oldest */
};

/**
 * struct k7_device - a card; lives until the last open file of it is closed
 * @dev:	class device, owner of the memory
 * @cdev:	/dev/k7pfN
 * @index:	N
 * @pdev:	PCI function; a reference is held
 * @pci_address: for K7_IOC_INFO
 * @gate:	held for reading by file operations while they use the hardware (but for
 *		the mailbox, which has a lock), and never while they wait for anything.
 *		Once remove() has had it for writing, no file operation touches the
 *		hardware any more
 * @mmio:	BAR 0
 * @interface_version: VERSION register
 * @features:	FEATURES register
 * @payload_max: largest payload in bytes
 * @bulk_max:	largest request payload that goes to the card as a list, 0: none
 * @bulk_pages:	pages that are pinned for such
 * @payload_pages: pages of K7_PAYLOADS_MAX in use
 * @claim:	file that has claimed the card; taken with @gate held for writing
 * @channel_max: highest channel number
 * @ring_entries: entries that a ring may have
 * @card_rings:	ring pairs of the card, used or not
 * @esn:	electronic serial number, printable
 * @state_lock:	protects changes of @state
 * @state:	enum k7_driver_state; k7_set_state() is the only writer
 * @resetting_since: ktime in ns when @state became RESETTING
 * @wait:	woken by state changes and by events
 * @control:	protects setting up and stopping of rings, and changes of @card
 * @card:	the card as it was last seen; read anywhere with READ_ONCE
 * @evidence:	the rings before they were stopped, for a core dump; or NULL
 * @rings_stuck: a ring did not stop: its memory is the card's until a reset
 * @bus_off:	bus mastering was taken from it, until all rings are seen to be stopped
 * @watch:	the ladder's
 * @next_reset:	jiffies before which the ladder starts no further reset
 * @reset_task:	the job's task, so that PCI callbacks of its own reset do nothing
 * @function_reset: the function is being reset: registers must not be read. Set under
 *		@mailbox_lock, and then @gate is had for writing
 * @pci_reset:	state RESETTING belongs to the PCI callbacks
 * @pci_generation: of the card when it began to
 * @frozen_until: jiffies until which AER has to recover the channel; 0: not frozen
 * @wq:		ordered: one thing happens to the card at a time
 * @card_work:	looks at the card, after an event and once a second
 * @next_look:	jiffies of the next such look
 * @kicked:	look at the next opportunity
 * @mailbox_lock: protects the mailbox registers and @mailbox_tag. remove() has it once
 *		after the gate: who gets it later sees that the card is going
 * @mailbox_owners: owners of the card who wait for @mailbox_lock
 * @mailbox_tag: tag of the last mailbox command
 * @identity_lock: protects @identity
 * @identity:	texts are made printable when it comes in
 * @rings:	@ring_count ring pairs
 * @ring_count:	set in probe
 * @vectors:	@vector_count interrupts
 * @vector_count: set in probe
 * @channels:	channel numbers in use
 * @closing:	channels that have ended, and that the card may still know
 * @files_lock:	protects @files and the pending events in them
 * @files:	open files
 * @counters:	shown in sysfs
 * @debugfs:	folder in debugfs
 * @fail_request: which requests shall fail
 * @fail_request_errno: how, a positive errno
 * @hwmon:	sensors, NULL: none
 * @fw_upload:	upload of FMs, NULL: none
 * @fm_log:	lines of FMs on their way to the log, NULL: none; set once, read in interrupts
 */
struct k7_device {
	struct device dev;
	struct cdev cdev;
	int index;
	struct pci_dev *pdev;
	u32 pci_address;

	struct rw_semaphore gate;
	void __iomem *mmio;
	u32 interface_version;
	u32 features;
	u32 payload_max;
	u32 bulk_max;
	atomic_t bulk_pages;
	atomic_t payload_pages;
	struct k7_file *claim;
	u32 channel_max;
	u32 ring_entries;
	unsigned int card_rings;
	char esn[K7_ESN_SIZE + 1];

	spinlock_t state_lock;	/* changes of state */
	enum k7_driver_state state;
	u64 resetting_since;
	wait_queue_head_t wait;

	struct mutex control;	/* rings' life, card */
	struct k7_card_view card;
	char *evidence;
	bool rings_stuck;
	bool bus_off;
	struct k7_watch watch;
	unsigned long next_reset;
	struct task_struct *reset_task;
	bool function_reset;
	bool pci_reset;
	u32 pci_generation;
	unsigned long frozen_until;

	struct workqueue_struct *wq;
	struct delayed_work card_work;
	unsigned long next_look;
	bool kicked;

	struct mutex mailbox_lock;	/* mailbox registers */
	atomic_t mailbox_owners;
	u32 mailbox_tag;

	struct mutex identity_lock;	/* identity */
	struct k7_identity identity;

	struct k7_ring *rings;
	unsigned int ring_count;
	struct k7_vector vectors[K7_VECTORS_MAX];
	unsigned int vector_count;

	struct ida channels;
	DECLARE_BITMAP(closing, K7_CHANNEL_MAX + 1);
	spinlock_t files_lock;	/* files, their events */
	struct list_head files;

	struct k7_counters counters;

	struct dentry *debugfs;
#if IS_ENABLED(CONFIG_FAULT_INJECTION_DEBUG_FS)
	struct fault_attr fail_request;
	u32 fail_request_errno;
#endif
	struct k7_hwmon *hwmon;
	struct k7_fw_upload *fw_upload;
	struct k7_fm_log *fm_log;
};

/**
 * struct k7_file - an open file: a channel of the card
 * @ref:	one for the open file, one for each request sent on it
 * @k7:		card
 * @channel:	its number; in use until the last reference has gone and the card forgot it
 * @known:	the card was told of the channel by a request
 * @node:	in k7_device.files
 * @pending:	K7_EVENT_* not taken yet
 * @lock:	protects what follows; taken in interrupts, inside a ring's lock
 * @closed:	nobody collects any more
 * @used:	of K7_IN_FLIGHT_MAX: submissions until they are collected, and io_uring's
 * @in_flight:	requests in @live
 * @done_count:	requests in @done
 * @live:	submitted, not ended
 * @done:	ended, not collected; oldest first
 * @wait:	woken when a request has ended and when there is room again
 */
struct k7_file {
	struct kref ref;
	struct k7_device *k7;
	u32 channel;
	bool known;
	struct list_head node;
	u32 pending;

	spinlock_t lock;	/* see above */
	bool closed;
	unsigned int used;
	unsigned int in_flight;
	unsigned int done_count;
	struct list_head live;
	struct list_head done;
	wait_queue_head_t wait;
};

/**
 * struct k7_mailbox_call - one boot loader command
 * @opcode:	K7_BOOT_*
 * @arg:	first argument (no command has more)
 * @timeout_ms:	longest wait, 0: K7_MAILBOX_TIMEOUT_MS
 * @yields:	end with -EAGAIN when the owner of the card wants the mailbox
 * @reply:	room for the reply, K7_MB_DATA_BYTES, or NULL
 * @reply_len:	out: bytes of reply
 * @status:	out: status code of the card
 */
struct k7_mailbox_call {
	u32 opcode;
	u32 arg;
	unsigned int timeout_ms;
	bool yields;
	void *reply;
	u32 reply_len;
	u32 status;
};

enum k7_job_kind {
	K7_JOB_RESET_FIRMWARE = K7_RESET_FIRMWARE,
	K7_JOB_RESET_CARD = K7_RESET_CARD,
	K7_JOB_RESET_FUNCTION = K7_RESET_FUNCTION,
	K7_JOB_RESET_BUS = K7_RESET_BUS,
	K7_JOB_ERASE_FMS,
	K7_JOB_ERASE_SMFS,
};

/**
 * struct k7_job - a reset or an erase, done by the workqueue
 * @ref:	one for the work, one for whoever waits
 * @work:	on k7_device.wq
 * @done:	completed at the end
 * @k7:		the card; the work holds no reference, remove() waits for it
 * @kind:	what to do
 * @mode:	K7_MODE_* in which the card is to be afterwards
 * @timeout_ms:	for the card to come up
 * @escalate:	when the boot loader does not help, reset the function
 * @old_generation: card's generation before
 * @restarted:	a reset was part of it
 * @error:	out: 0 or a negative errno
 * @card_status: out: status code of the card (erases)
 * @card_state:	out: STATE afterwards
 * @generation:	out: generation afterwards
 */
struct k7_job {
	struct kref ref;
	struct work_struct work;
	struct completion done;
	struct k7_device *k7;
	enum k7_job_kind kind;
	u32 mode;
	unsigned int timeout_ms;
	bool escalate;
	u32 old_generation;
	bool restarted;
	int error;
	u32 card_status;
	u32 card_state;
	u32 generation;
};

/* main.c */
extern struct class *k7_class;
extern dev_t k7_devt;
unsigned int k7_request_timeout(unsigned int wanted_ms);

/* pci.c */
extern struct pci_driver k7_pci_driver;

/* cdev.c */
#define K7_MINORS	256
struct k7_device *k7_device_alloc(struct pci_dev *pdev);
int k7_device_add(struct k7_device *k7);
void k7_device_del(struct k7_device *k7);
void k7_devices_wait(void);
int k7_channel_alloc(struct k7_device *k7);
void k7_channel_end(struct k7_device *k7, u32 channel, bool known);
void k7_channel_confirm(struct k7_device *k7, const struct k7_request *req);
void k7_channel_release(struct k7_file *kf);
void k7_channels_flush(struct k7_device *k7);
void k7_channels_forget(struct k7_device *k7);
void k7_files_wake(struct k7_device *k7);

/* state.c */
bool k7_set_state(struct k7_device *k7, enum k7_driver_state next);
const char *k7_state_name(enum k7_driver_state state);
int k7_check_live(struct k7_device *k7);
void k7_uevent(struct k7_device *k7);

static inline enum k7_driver_state k7_state(const struct k7_device *k7)
{
	return READ_ONCE(k7->state);
}

/* True once the card is gone or the driver is being unbound; for good. */
static inline bool k7_going(const struct k7_device *k7)
{
	return k7_state(k7) >= K7_DRIVER_DELETING;
}

/* card.c */
int k7_card_probe(struct k7_device *k7);
int k7_card_read(struct k7_device *k7, struct k7_card_view *view);
bool k7_card_runs(u32 state);
bool k7_card_state_known(u32 state);
void k7_card_identify(struct k7_device *k7);
int k7_card_sync(struct k7_device *k7);
int k7_card_wait_up(struct k7_device *k7, const u32 *old_generation, unsigned int timeout_ms);
void k7_card_gone(struct k7_device *k7);
void k7_card_work(struct work_struct *work);
void k7_card_kick(struct k7_device *k7);
const char *k7_card_state_name(u32 state);
const char *k7_card_reason_name(u32 state);

/* mailbox.c */
int k7_mailbox_lock(struct k7_device *k7);
void k7_mailbox_unlock(struct k7_device *k7);
int k7_mailbox(struct k7_device *k7, struct k7_mailbox_call *call);
int k7_mailbox_query(struct k7_device *k7, struct k7_mailbox_call *call);

/* ring.c */
int k7_rings_alloc(struct k7_device *k7);
void k7_rings_free(struct k7_device *k7);
int k7_rings_start(struct k7_device *k7, u32 generation);
bool k7_rings_stop(struct k7_device *k7, int error);
int k7_ring_submit(struct k7_ring *ring, struct list_head *reqs, bool queue);
void k7_rings_fail(struct k7_device *k7, int error);
bool k7_rings_stop_all(struct k7_device *k7);
unsigned int k7_ring_reap(struct k7_ring *ring);
void k7_ring_poll(struct k7_ring *ring, struct k7_request *req);
bool k7_ring_arm(struct k7_ring *ring, struct k7_request *req);
bool k7_ring_abandon(struct k7_request *req, int error);
bool k7_rings_serve_others(struct k7_device *k7, u32 channel);

static inline struct k7_ring *k7_ring_of_this_cpu(struct k7_device *k7)
{
	return &k7->rings[raw_smp_processor_id() % k7->ring_count];
}

/* request.c */
struct k7_request *k7_request_alloc(u16 opcode, u32 in_len, u32 out_len, gfp_t gfp);
struct k7_request *k7_request_make(struct file *file, const struct k7_submission *sub, gfp_t gfp);
void k7_request_put(struct k7_request *req);
void *k7_payload_alloc(u32 size, gfp_t gfp);
void k7_payload_free(void *payload, u32 size);
int k7_request_map(struct k7_device *k7, struct k7_request *req);
void k7_request_unmap(struct k7_device *k7, struct k7_request *req);
void k7_request_finish(struct k7_request *req, int error);
void k7_request_expire(struct k7_request *req);
int k7_request_copy_out(const struct k7_request *req, u64 out_addr);
int k7_request_run(struct k7_request *req, unsigned int timeout_ms, bool nonblock);

/* The fields behind @finished are valid after this. */
static inline bool k7_request_is_finished(const struct k7_request *req)
{
	/* Pairs with k7_request_finish(). */
	return smp_load_acquire(&req->finished);
}

static inline bool k7_payload_is_small(u32 len)
{
	return len <= K7_SMALL_PAYLOAD;
}

/* ladder.c */
void k7_ladder_climb(struct k7_device *k7);
int k7_request_late(struct k7_device *k7, struct k7_request *req, struct k7_ring *ring);

/* irq.c */
int k7_vectors_alloc(struct k7_device *k7);
void k7_vectors_free(struct k7_device *k7);
int k7_irqs_request(struct k7_device *k7);
void k7_irqs_free(struct k7_device *k7);
bool k7_irqs_poll(struct k7_device *k7);
const char *k7_irq_kind(struct k7_device *k7);

/* event.c */
void k7_event_collect(struct k7_device *k7);
void k7_event_mask(struct k7_device *k7, u32 mask);
void k7_event_post(struct k7_device *k7, u32 events);
u32 k7_event_take(struct k7_file *kf, u32 mask);
int k7_event_wait(struct k7_file *kf, u32 mask, u32 timeout_ms, u32 *events);

/* reset.c */
struct k7_job *k7_job_alloc(struct k7_device *k7, enum k7_job_kind kind);
void k7_job_put(struct k7_job *job);
int k7_job_start(struct k7_job *job);
int k7_job_run(struct k7_job *job, struct k7_file *kf);
bool k7_reset_after_timeout(struct k7_device *k7);
bool k7_reset_begin(struct k7_device *k7);
void k7_reset_end(struct k7_device *k7);

/* ioctl.c */
long k7_ioctl(struct file *file, unsigned int cmd, unsigned long arg);
int k7_entry_size_check(u32 entry_size, size_t min_size);
int k7_entry_to_user(u64 array, u32 index, u32 entry_size, const void *entry, size_t size);

static inline bool k7_is_zero(const void *reserved, size_t size)
{
	return !memchr_inv(reserved, 0, size);
}

/* async.c */
long k7_ioctl_submit(struct file *file, void *arg);
long k7_ioctl_collect(struct file *file, void *arg);
void k7_file_init(struct k7_file *kf, struct k7_device *k7, u32 channel);
void k7_file_put(struct k7_file *kf);
void k7_file_close(struct k7_file *kf);
int k7_file_check(struct k7_file *kf);
int k7_file_enter(struct k7_file *kf, bool nonblock);
void k7_file_leave(struct k7_file *kf, unsigned int count);
__poll_t k7_file_poll(struct k7_file *kf);

/* bulk.c */
int k7_bulk_pin(struct k7_device *k7, struct k7_request *req, u64 addr, u32 len);
int k7_bulk_map(struct k7_device *k7, struct k7_request *req);
void k7_bulk_unmap(struct k7_device *k7, struct k7_request *req);
void k7_bulk_free(struct k7_request *req);
unsigned int k7_bulk_segments(const struct k7_request *req);

/* claim.c */
long k7_ioctl_claim(struct file *file, void *arg);
int k7_claim_check(struct k7_file *kf);
void k7_claim_drop(struct k7_file *kf);
u32 k7_claim_seen_by(struct k7_file *kf);

/* commands.c */
enum k7_access {
	K7_ACCESS_USER,
	K7_ACCESS_ADMIN,
	K7_ACCESS_DRIVER,
};

int k7_permit(const struct file *file, enum k7_access access);
int k7_permit_command(const struct file *file, u32 opcode);
u32 k7_command_in_max(const struct k7_device *k7, u32 opcode);
long k7_ioctl_commands(struct file *file, void *arg);

/* uring.c; not there when the kernel has no io_uring */
int k7_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* sysfs.c */
extern const struct attribute_group *k7_groups[];

#endif /* K7_H */
