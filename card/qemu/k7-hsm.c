/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PCI shell of the k7hsm card: a thin PCIe endpoint over libk7card.so.
 *
 * The card's behaviour is all behind the C ABI of k7card.h. This file only turns
 * PCI into calls of that ABI and the card's callbacks into DMA, interrupts and log
 * lines. It builds in QEMU 7.2 to 10.0; what differs between them is in the one
 * block of conditionals below.
 *
 * Locks: everything here runs under QEMU's big lock (BQL), except the card's
 * callbacks (k7_dma_*, k7_interrupt, k7_log, k7_thread_*). Those come from the
 * card's own threads, without the BQL, or from a vCPU that is inside
 * k7card_mmio_write() or k7card_reset(), with it. The former must never wait for
 * the BQL: its holder may be inside k7card_reset() or k7card_destroy(), waiting
 * for exactly that callback. The latter do at once what the former leave to the
 * bottom half; k7card.h promises that no such call waits for a callback in
 * another thread, other than resets do, which refuse transfers first.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qemu/host-utils.h"
#include "qemu/lockable.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"
#include "qemu/queue.h"
#include "qemu/rcu.h"
#include "qemu/thread.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "crypto/secret.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "k7card.h"

/* QEMU's versions: pci_device.h came with 8.0; the reset setter and constant property tables with 10.0. */
#if __has_include("hw/pci/pci_device.h")
#include "hw/pci/pci_device.h"
#endif
#if __has_include("system/runstate.h")
#include "system/runstate.h"
#define K7_PROPERTIES_END
#define K7_CONST const
#define k7_holds_bql() bql_locked()
#define k7_set_reset(dc, handler) device_class_set_legacy_reset(dc, handler)
#else
#include "sysemu/runstate.h"
#define K7_PROPERTIES_END DEFINE_PROP_END_OF_LIST(),
#define K7_CONST
#define k7_holds_bql() qemu_mutex_iothread_locked()
#define k7_set_reset(dc, handler) ((dc)->reset = (handler))
#endif

#define TYPE_K7_HSM "k7-hsm"
OBJECT_DECLARE_SIMPLE_TYPE(K7HsmState, K7_HSM)

/* The card's PCI identity, documented in docs/card-interface.md. */
#define K7_VENDOR_ID 0x1234
#define K7_DEVICE_ID 0x4b37
#define K7_SUBSYSTEM_ID 0x0001
#define K7_CLASS_ID 0x1000 /* encryption controller for network and computing */
#define K7_REVISION 0x01

/* Where things are. Capabilities below 0x100 are PCI's, AER starts the PCIe extended space. */
#define K7_BAR_REGISTERS 0
#define K7_BAR_MSIX 2
#define K7_PM_OFFSET 0x50
#define K7_MSI_OFFSET 0x60
#define K7_PCIE_OFFSET 0x80
#define K7_AER_OFFSET 0x100

#define K7_ROOT_KEY_SIZE 32 /* bytes of the secret that seals the card's SMFS */
#define K7_TEXT_SIZE 256 /* bytes for a property value or an error line of the card */

/* Properties that show what the card's sensors read; integers here, text in the card's ABI. */
static const char *const k7_sensors[] = { "temperature", "core-voltage", "battery-voltage" };
#define K7_SENSORS ARRAY_SIZE(k7_sensors)

/* A transfer that a card thread wants done under the BQL, and waits for. */
typedef struct K7Transfer {
    hwaddr addr;
    uint8_t *buf;
    hwaddr len;
    bool is_write;
    int result;
    bool done;
    QSIMPLEQ_ENTRY(K7Transfer) next;
} K7Transfer;

struct K7HsmState {
    PCIDevice parent_obj;

    MemoryRegion registers;
    struct k7card *card; /* NULL before it is made and after it is switched off */
    Notifier shutdown;

    /* What card threads left for the bottom half, which runs under the BQL. */
    QEMUBH *bottom_half;
    uint32_t intx; /* K7CARD_REG_INTX; under the BQL */
    unsigned long raised[BITS_TO_LONGS(K7CARD_VECTORS)];
    QSIMPLEQ_HEAD(, K7Transfer) transfers; /* under transfer_lock, as are the next two */
    QemuCond transfer_done;
    bool transfers_refused;
    QemuMutex transfer_lock;
    bool behind_iommu; /* atomic */

    /* Properties. */
    char *store;
    char *esn;
    char *so_password_file;
    char *label;
    char *root_key;        /* a file */
    char *root_key_secret; /* instead of it: the ID of a secret object */
    char *counter;
    char *debug;
    char *debug_fm;
    char *profile;
    char *initial_fault; /* set before the card was switched on; played again at every power-on */
    char *initial_sensors[K7_SENSORS];
    uint32_t vectors;
    bool msix;
    bool msi;
    bool has_intx;
};

/* What the card asks of its host (any thread, no BQL). */

/*
 * Where the card's bus address @addr is in guest RAM, or NULL when it is not RAM,
 * the address is not mapped, or bus mastering is off. @len is cut to what lies
 * together. Lookups in one FlatView see one state of the memory map, so that a
 * range that was found to be RAM cannot turn into something else before the copy.
 */
static void *k7_dma_lookup(FlatView *view, hwaddr addr, hwaddr *len, bool is_write, MemoryRegion **region)
{
    hwaddr offset;
    MemoryRegion *mr = flatview_translate(view, addr, &offset, len, is_write, MEMTXATTRS_UNSPECIFIED);

    if (!memory_region_is_ram(mr) || memory_region_is_ram_device(mr) || (is_write && memory_region_is_rom(mr))) {
        return NULL;
    }
    *region = mr;
    return (uint8_t *)memory_region_get_ram_ptr(mr) + offset;
}

static bool k7_dma_is_ram(FlatView *view, hwaddr addr, hwaddr len, bool is_write)
{
    while (len > 0) {
        MemoryRegion *mr;
        hwaddr part = len;

        if (!k7_dma_lookup(view, addr, &part, is_write, &mr)) {
            return false;
        }
        addr += part;
        len -= part;
    }
    return true;
}

/*
 * pci_dma_rw() is not used: when the memory map changes under it, or the guest
 * points the card at a register, it would wait for the BQL.
 */
static int k7_dma_copy(K7HsmState *s, hwaddr addr, uint8_t *buf, hwaddr len, bool is_write)
{
    AddressSpace *as = pci_get_address_space(PCI_DEVICE(s));
    FlatView *view;

    if (addr + len < addr) {
        return -1;
    }

    RCU_READ_LOCK_GUARD();
    view = address_space_to_flatview(as);
    if (!k7_dma_is_ram(view, addr, len, is_write)) {
        return -1;
    }
    while (len > 0) {
        MemoryRegion *mr;
        hwaddr part = len;
        void *ram = k7_dma_lookup(view, addr, &part, is_write, &mr);

        if (!ram) { /* an IOMMU mapping that went away meanwhile */
            return -1;
        }
        if (is_write) {
            memcpy(ram, buf, part);
            memory_region_ref(mr); /* given back by the unmap, which also marks the pages dirty */
            address_space_unmap(as, ram, part, true, part);
        } else {
            memcpy(buf, ram, part);
        }
        addr += part;
        buf += part;
        len -= part;
    }
    return 0;
}

/* Waits for the bottom half or for k7_refuse_transfers(), whichever comes first. */
static int k7_dma_in_bottom_half(K7HsmState *s, K7Transfer *transfer)
{
    QEMU_LOCK_GUARD(&s->transfer_lock);
    if (s->transfers_refused) {
        return -1;
    }
    QSIMPLEQ_INSERT_TAIL(&s->transfers, transfer, next);
    qemu_bh_schedule(s->bottom_half);
    while (!transfer->done) {
        qemu_cond_wait(&s->transfer_done, &s->transfer_lock);
    }
    return transfer->result;
}

/* An IOMMU reports a fault by an interrupt, for which it takes the BQL. So behind one, the BQL comes first. */
static int k7_dma(K7HsmState *s, hwaddr addr, uint8_t *buf, hwaddr len, bool is_write)
{
    K7Transfer transfer = { .addr = addr, .buf = buf, .len = len, .is_write = is_write };

    if (qatomic_read(&s->behind_iommu) && !k7_holds_bql()) {
        return k7_dma_in_bottom_half(s, &transfer);
    }
    return k7_dma_copy(s, addr, buf, len, is_write);
}

static int k7_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
    return k7_dma(opaque, addr, buf, len, false);
}

static int k7_dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
    return k7_dma(opaque, addr, (void *)buf, len, true);
}

/* Under the BQL. By the kind that is enabled; the PCI core sees to masks and to the bit that disables INTx. */
static void k7_send_interrupt(K7HsmState *s, unsigned vector)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    if (msix_enabled(pdev)) {
        if (vector < s->vectors) {
            msix_notify(pdev, vector);
        }
    } else if (msi_enabled(pdev)) {
        msi_notify(pdev, vector % msi_nr_vectors_allocated(pdev));
    } else if (s->has_intx) {
        s->intx |= 1u << vector;
        pci_set_irq(pdev, 1);
    }
}

static void k7_interrupt(void *opaque, unsigned vector)
{
    K7HsmState *s = opaque;

    if (vector >= K7CARD_VECTORS) {
        return;
    }
    if (k7_holds_bql()) {
        k7_send_interrupt(s, vector);
    } else {
        set_bit_atomic(vector, s->raised);
        qemu_bh_schedule(s->bottom_half);
    }
}

/* QEMU's own threads block all signals, so that its main thread gets them; so must the card's. */
static void k7_thread_start(void *opaque)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    rcu_register_thread();
}

static void k7_thread_stop(void *opaque)
{
    rcu_unregister_thread();
}

static void k7_log(void *opaque, enum k7card_log_level level, const char *line)
{
    DeviceState *dev = opaque;
    const char *name = dev->id ? dev->id : TYPE_K7_HSM;

    switch (level) {
    case K7CARD_LOG_ERROR:
    case K7CARD_LOG_WARNING:
        warn_report("%s: %s", name, line);
        break;
    case K7CARD_LOG_GUEST_ERROR:
        qemu_log_mask(LOG_GUEST_ERROR, "%s: %s\n", name, line);
        break;
    default:
        qemu_log_mask(LOG_TRACE, "%s: %s\n", name, line);
        break;
    }
}

/* From here on everything runs under the BQL. */

static void k7_finish_transfer(K7HsmState *s, int result)
{
    K7Transfer *transfer = QSIMPLEQ_FIRST(&s->transfers);

    QSIMPLEQ_REMOVE_HEAD(&s->transfers, next);
    transfer->result = result;
    transfer->done = true;
    qemu_cond_broadcast(&s->transfer_done);
}

static void k7_do_transfers(K7HsmState *s)
{
    K7Transfer *transfer;

    QEMU_LOCK_GUARD(&s->transfer_lock);
    while ((transfer = QSIMPLEQ_FIRST(&s->transfers))) {
        k7_finish_transfer(s, k7_dma_copy(s, transfer->addr, transfer->buf, transfer->len, transfer->is_write));
    }
}

/* Before waiting for the card: none of its threads may be left waiting for the bottom half. */
static void k7_refuse_transfers(K7HsmState *s)
{
    QEMU_LOCK_GUARD(&s->transfer_lock);
    s->transfers_refused = true;
    while (!QSIMPLEQ_EMPTY(&s->transfers)) {
        k7_finish_transfer(s, -1);
    }
}

static void k7_accept_transfers(K7HsmState *s)
{
    PCIDevice *pdev = PCI_DEVICE(s);

    QEMU_LOCK_GUARD(&s->transfer_lock);
    s->transfers_refused = false;
    qatomic_set(&s->behind_iommu, pci_device_iommu_address_space(pdev) != &address_space_memory);
}

static void k7_send_interrupts(K7HsmState *s)
{
    unsigned vector;

    for (vector = 0; vector < K7CARD_VECTORS; vector++) {
        unsigned long bit = BIT_MASK(vector);

        if (qatomic_fetch_and(&s->raised[BIT_WORD(vector)], ~bit) & bit) {
            k7_send_interrupt(s, vector);
        }
    }
}

/* A read of K7CARD_REG_INTX. With MSI or MSI-X on there is nothing in it: see k7_config_write(). */
static uint32_t k7_take_intx(K7HsmState *s)
{
    uint32_t vectors = s->intx;

    s->intx = 0;
    if (s->has_intx) {
        pci_set_irq(PCI_DEVICE(s), 0);
    }
    return vectors;
}

static void k7_bottom_half(void *opaque)
{
    k7_do_transfers(opaque);
    k7_send_interrupts(opaque);
}

static void k7_forget_interrupts(K7HsmState *s)
{
    unsigned word;

    for (word = 0; word < ARRAY_SIZE(s->raised); word++) {
        qatomic_set(&s->raised[word], 0);
    }
    k7_take_intx(s);
}

/* A vCPU that waited for the BQL while the card was switched off still gets here: no card reads as all ones. */
static uint64_t k7_register_read(void *opaque, hwaddr offset, unsigned size)
{
    K7HsmState *s = opaque;

    uint32_t value = s->card ? k7card_mmio_read(s->card, offset, size) : UINT32_MAX;

    /* Of the INTx register the card knows only whether it can be reached. */
    return offset == K7CARD_REG_INTX && value != UINT32_MAX ? k7_take_intx(s) : value;
}

static void k7_register_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    K7HsmState *s = opaque;

    if (s->card) {
        k7card_mmio_write(s->card, offset, value, size);
    }
}

static const MemoryRegionOps k7_register_ops = {
    .read = k7_register_read,
    .write = k7_register_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* A bridge above the card holds its secondary bus in reset while it resets what is on it. */
static bool k7_bus_is_in_reset(PCIDevice *pdev)
{
    PCIBus *bus;

    for (bus = pci_get_bus(pdev); !pci_bus_is_root(bus); bus = pci_get_bus(bus->parent_dev)) {
        if (pci_get_word(bus->parent_dev->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_BUS_RESET) {
            return true;
        }
    }
    return false;
}

static enum k7card_reset_kind k7_reset_kind(PCIDevice *pdev)
{
    const uint8_t *control = pdev->config + pdev->exp.exp_cap + PCI_EXP_DEVCTL;

    /* pcie_cap_flr_write_config() leaves the bit set for as long as the reset runs. */
    if (pci_get_word(control) & PCI_EXP_DEVCTL_BCR_FLR) {
        return K7CARD_RESET_FLR;
    }
    return k7_bus_is_in_reset(pdev) ? K7CARD_RESET_BUS : K7CARD_RESET_POWER;
}

static void k7_play_initial_fault(K7HsmState *s, Error **errp)
{
    char reason[K7_TEXT_SIZE] = "";

    if (s->initial_fault && k7card_set_property(s->card, "fault", s->initial_fault, reason, sizeof(reason))) {
        error_setg(errp, "%s", reason);
    }
}

/* Every reset comes through here: function level, secondary bus, whole machine, hot-plug. */
static void k7_reset(DeviceState *dev)
{
    K7HsmState *s = K7_HSM(dev);
    PCIDevice *pdev = PCI_DEVICE(dev);
    enum k7card_reset_kind kind = k7_reset_kind(pdev);

    if (!s->card) {
        return;
    }
    k7_refuse_transfers(s);
    k7card_reset(s->card, kind);
    k7_forget_interrupts(s);
    k7_accept_transfers(s);
    if (kind == K7CARD_RESET_POWER) {
        k7_play_initial_fault(s, NULL);
    }
    pcie_cap_deverr_reset(pdev);
    pci_word_test_and_clear_mask(pdev->config + K7_PM_OFFSET + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
}

static void k7_config_write(PCIDevice *pdev, uint32_t address, uint32_t value, int len)
{
    K7HsmState *s = K7_HSM(pdev);

    pci_default_write_config(pdev, address, value, len);
    pcie_aer_write_config(pdev, address, value, len);
    pcie_cap_flr_write_config(pdev, address, value, len);
    if (msix_enabled(pdev) || msi_enabled(pdev)) {
        k7_take_intx(s);
    }
}

static bool k7_add_pm(PCIDevice *pdev, Error **errp)
{
    if (pci_add_capability(pdev, PCI_CAP_ID_PM, K7_PM_OFFSET, PCI_PM_SIZEOF, errp) < 0) {
        return false;
    }
    pci_set_word(pdev->config + K7_PM_OFFSET + PCI_PM_PMC, 3); /* version 1.2, D0 and D3hot */
    pci_set_word(pdev->config + K7_PM_OFFSET + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pdev->wmask + K7_PM_OFFSET + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    return true;
}

static bool k7_add_pcie(PCIDevice *pdev, Error **errp)
{
    if (pcie_endpoint_cap_init(pdev, K7_PCIE_OFFSET) < 0) {
        error_setg(errp, "k7-hsm must be on a PCI Express bus");
        return false;
    }
    pcie_cap_deverr_init(pdev);
    pcie_cap_flr_init(pdev);
    return pcie_aer_init(pdev, PCI_ERR_VER, K7_AER_OFFSET, PCI_ERR_SIZEOF, errp) >= 0;
}

static bool k7_add_msi(K7HsmState *s, Error **errp)
{
    unsigned messages = pow2ceil(s->vectors); /* MSI knows powers of two only, up to 32 */

    return !s->msi || msi_init(PCI_DEVICE(s), K7_MSI_OFFSET, messages, true, true, errp) >= 0;
}

static bool k7_add_msix(K7HsmState *s, Error **errp)
{
    PCIDevice *pdev = PCI_DEVICE(s);
    unsigned vector;

    if (!s->msix) {
        return true;
    }
    if (msix_init_exclusive_bar(pdev, s->vectors, K7_BAR_MSIX, errp) < 0) {
        return false;
    }
    for (vector = 0; vector < s->vectors; vector++) {
        msix_vector_use(pdev, vector);
    }
    return true;
}

/* The bytes of the secret object @id as hex digits, which the caller wipes. */
static bool k7_look_up_root_key(const char *id, char hex[2 * K7_ROOT_KEY_SIZE + 1], Error **errp)
{
    uint8_t *data;
    size_t size;
    size_t i;

    if (qcrypto_secret_lookup(id, &data, &size, errp) < 0) {
        return false;
    }
    if (size != K7_ROOT_KEY_SIZE) {
        error_setg(errp, "root-key-secret: secret '%s' has %zu bytes instead of %d", id, size, K7_ROOT_KEY_SIZE);
    }
    for (i = 0; size == K7_ROOT_KEY_SIZE && i < size; i++) {
        snprintf(hex + 2 * i, 3, "%02x", data[i]);
    }
    explicit_bzero(data, size);
    g_free(data);
    return size == K7_ROOT_KEY_SIZE;
}

static bool k7_create_card(K7HsmState *s, Error **errp)
{
    const struct k7card_host host = {
        .size = sizeof(host),
        .abi = K7CARD_ABI,
        .opaque = s,
        .dma_read = k7_dma_read,
        .dma_write = k7_dma_write,
        .interrupt = k7_interrupt,
        .thread_start = k7_thread_start,
        .thread_stop = k7_thread_stop,
        .log = k7_log,
    };
    const struct k7card_property given[] = {
        { "store", s->store }, { "esn", s->esn }, { "so-password-file", s->so_password_file }, { "label", s->label },
        { "root-key", s->root_key }, { "counter", s->counter }, { "debug", s->debug }, { "debug-fm", s->debug_fm },
        { "profile", s->profile },
    };
    struct k7card_property properties[ARRAY_SIZE(given) + 1 + K7_SENSORS];
    size_t count = 0, at;
    unsigned sensor;
    char root_key_hex[2 * K7_ROOT_KEY_SIZE + 1];
    char reason[K7_TEXT_SIZE] = "";

    for (at = 0; at < ARRAY_SIZE(given); at++) {
        if (given[at].value) {
            properties[count++] = given[at];
        }
    }
    if (s->root_key_secret) {
        if (!k7_look_up_root_key(s->root_key_secret, root_key_hex, errp)) {
            return false;
        }
        properties[count++] = (struct k7card_property){ "root-key-hex", root_key_hex };
    }
    if (s->so_password_file) {
        properties[count++] = (struct k7card_property){ "so-password-file", s->so_password_file };
    }
    if (s->label) {
        properties[count++] = (struct k7card_property){ "label", s->label };
    }
    for (sensor = 0; sensor < K7_SENSORS; sensor++) {
        if (s->initial_sensors[sensor]) {
            properties[count++] = (struct k7card_property){ k7_sensors[sensor], s->initial_sensors[sensor] };
        }
    }
    s->card = k7card_create(&host, properties, count, reason, sizeof(reason));
    explicit_bzero(root_key_hex, sizeof(root_key_hex));
    if (!s->card) {
        error_setg(errp, "cannot make the card: %s", reason);
    }
    return s->card != NULL;
}

static void k7_switch_off(K7HsmState *s)
{
    k7_refuse_transfers(s);
    k7card_destroy(s->card);
    s->card = NULL;
}

/* QEMU leaves by exit(), under which the card's threads would lose their libraries while they run. */
static void k7_at_shutdown(Notifier *notifier, void *data)
{
    k7_switch_off(container_of(notifier, K7HsmState, shutdown));
}

/* Undoes as much of k7_realize() as was done. The card goes first, so that no callback meets what is gone. */
static void k7_exit(PCIDevice *pdev)
{
    K7HsmState *s = K7_HSM(pdev);

    notifier_remove(&s->shutdown);
    k7_switch_off(s);
    qemu_bh_delete(s->bottom_half);
    msix_uninit_exclusive_bar(pdev);
    msi_uninit(pdev);
    if (pdev->exp.exp_cap) {
        pcie_aer_exit(pdev);
        pcie_cap_exit(pdev);
    }
}

static void k7_realize(PCIDevice *pdev, Error **errp)
{
    K7HsmState *s = K7_HSM(pdev);
    Error *error = NULL;

    if (s->vectors < 1 || s->vectors > K7CARD_VECTORS) {
        error_setg(errp, "vectors must be from 1 to %u", K7CARD_VECTORS);
        return;
    }
    s->bottom_half = qemu_bh_new(k7_bottom_half, s);
    s->shutdown.notify = k7_at_shutdown;
    qemu_register_shutdown_notifier(&s->shutdown);
    k7_accept_transfers(s);
    memory_region_init_io(&s->registers, OBJECT(s), &k7_register_ops, s, TYPE_K7_HSM, K7CARD_BAR0_SIZE);
    pci_register_bar(pdev, K7_BAR_REGISTERS, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64,
                     &s->registers);
    pci_config_set_interrupt_pin(pdev->config, s->has_intx ? 1 : 0); /* 1: INTA */
    if (k7_add_pm(pdev, &error) && k7_add_pcie(pdev, &error) && k7_add_msi(s, &error) && k7_add_msix(s, &error) &&
        k7_create_card(s, &error)) {
        k7_play_initial_fault(s, &error);
    }
    if (error) {
        k7_exit(pdev);
        error_propagate(errp, error);
    }
}

/* `fault` and the sensors can be set before the card is made (-device k7-hsm,fault=...) and while it runs (qom-set). */

static char *k7_get_fault(Object *obj, Error **errp)
{
    K7HsmState *s = K7_HSM(obj);
    char value[K7_TEXT_SIZE];

    if (!s->card) {
        return g_strdup(s->initial_fault ? s->initial_fault : "none");
    }
    if (k7card_get_property(s->card, "fault", value, sizeof(value))) {
        error_setg(errp, "the card has no property 'fault'");
        return NULL;
    }
    return g_strdup(value);
}

static void k7_set_fault(Object *obj, const char *value, Error **errp)
{
    K7HsmState *s = K7_HSM(obj);
    char reason[K7_TEXT_SIZE] = "";

    if (!s->card) {
        g_free(s->initial_fault);
        s->initial_fault = g_strdup(value);
    } else if (k7card_set_property(s->card, "fault", value, reason, sizeof(reason))) {
        error_setg(errp, "%s", reason);
    }
}

static void k7_get_sensor(Object *obj, Visitor *visitor, const char *name, void *opaque, Error **errp)
{
    K7HsmState *s = K7_HSM(obj);
    const char *initial = s->initial_sensors[(const char *const *)opaque - k7_sensors];
    char text[K7_TEXT_SIZE] = "0";
    int64_t value;

    if (s->card) {
        k7card_get_property(s->card, name, text, sizeof(text));
    } else if (initial) {
        pstrcpy(text, sizeof(text), initial);
    }
    value = g_ascii_strtoll(text, NULL, 10);
    visit_type_int(visitor, name, &value, errp);
}

static void k7_set_sensor(Object *obj, Visitor *visitor, const char *name, void *opaque, Error **errp)
{
    K7HsmState *s = K7_HSM(obj);
    char **initial = &s->initial_sensors[(const char *const *)opaque - k7_sensors];
    char reason[K7_TEXT_SIZE] = "";
    g_autofree char *text = NULL;
    int64_t value;

    if (!visit_type_int(visitor, name, &value, errp)) {
        return;
    }
    text = g_strdup_printf("%" PRId64, value);
    if (!s->card) {
        g_free(*initial);
        *initial = g_steal_pointer(&text);
    } else if (k7card_set_property(s->card, name, text, reason, sizeof(reason))) {
        error_setg(errp, "%s", reason);
    }
}

static void k7_instance_init(Object *obj)
{
    K7HsmState *s = K7_HSM(obj);

    QSIMPLEQ_INIT(&s->transfers);
    qemu_mutex_init(&s->transfer_lock);
    qemu_cond_init(&s->transfer_done);
}

static void k7_instance_finalize(Object *obj)
{
    K7HsmState *s = K7_HSM(obj);
    unsigned sensor;

    qemu_cond_destroy(&s->transfer_done);
    qemu_mutex_destroy(&s->transfer_lock);
    g_free(s->initial_fault);
    for (sensor = 0; sensor < K7_SENSORS; sensor++) {
        g_free(s->initial_sensors[sensor]);
    }
}

static K7_CONST Property k7_properties[] = {
    DEFINE_PROP_STRING("store", K7HsmState, store),
    DEFINE_PROP_STRING("esn", K7HsmState, esn),
    DEFINE_PROP_STRING("root-key", K7HsmState, root_key),
    DEFINE_PROP_STRING("root-key-secret", K7HsmState, root_key_secret),
    DEFINE_PROP_STRING("counter", K7HsmState, counter),
    DEFINE_PROP_STRING("debug", K7HsmState, debug),
    DEFINE_PROP_STRING("debug-fm", K7HsmState, debug_fm),
    DEFINE_PROP_STRING("profile", K7HsmState, profile),
    DEFINE_PROP_STRING("so-password-file", K7HsmState, so_password_file),
    DEFINE_PROP_STRING("label", K7HsmState, label),
    DEFINE_PROP_UINT32("vectors", K7HsmState, vectors, K7CARD_VECTORS),
    DEFINE_PROP_BOOL("msix", K7HsmState, msix, true),
    DEFINE_PROP_BOOL("msi", K7HsmState, msi, true),
    DEFINE_PROP_BOOL("intx", K7HsmState, has_intx, true),
    K7_PROPERTIES_END
};

/* The card's threads and store live outside of QEMU's state. */
static const VMStateDescription k7_vmstate = {
    .name = TYPE_K7_HSM,
    .unmigratable = 1,
};

static void k7_class_init(ObjectClass *class, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(class);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(class);
    unsigned sensor;

    pc->realize = k7_realize;
    pc->exit = k7_exit;
    pc->config_write = k7_config_write;
    pc->vendor_id = K7_VENDOR_ID;
    pc->device_id = K7_DEVICE_ID;
    pc->subsystem_vendor_id = K7_VENDOR_ID;
    pc->subsystem_id = K7_SUBSYSTEM_ID;
    pc->class_id = K7_CLASS_ID;
    pc->revision = K7_REVISION;

    dc->desc = "k7hsm PCIe hardware security module";
    dc->vmsd = &k7_vmstate;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    k7_set_reset(dc, k7_reset);
    device_class_set_props(dc, k7_properties);
    object_class_property_add_str(class, "fault", k7_get_fault, k7_set_fault);
    object_class_property_set_description(class, "fault", "fault to play, 'none' for none");
    for (sensor = 0; sensor < K7_SENSORS; sensor++) {
        object_class_property_add(class, k7_sensors[sensor], "int", k7_get_sensor, k7_set_sensor, NULL,
                                  (void *)&k7_sensors[sensor]);
        object_class_property_set_description(class, k7_sensors[sensor],
                                              "what the sensor shows (millidegrees Celsius or millivolts), 0: none");
    }
}

static const TypeInfo k7_type = {
    .name = TYPE_K7_HSM,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(K7HsmState),
    .instance_init = k7_instance_init,
    .instance_finalize = k7_instance_finalize,
    .class_init = k7_class_init,
    .interfaces = (InterfaceInfo[]){ { INTERFACE_PCIE_DEVICE }, {} },
};

static void k7_register_types(void)
{
    type_register_static(&k7_type);
}

type_init(k7_register_types)
