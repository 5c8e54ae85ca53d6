// SPDX-License-Identifier: GPL-2.0-or-later
//
// A kernel that takes over from another: by kexec, which has the old driver stop the card; and over a card that still
// runs, as a kernel leaves it that died without a word. The latter is played from user space: a process programs a ring
// of the card with pages of its own, and the driver is bound over it.
#include <algorithm>
#include <cstring>
#include <memory>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <vector>

#include <linux/kexec.h>
#include <linux/reboot.h>

#include "tests/kmod/disturb.hpp"

namespace k7test {

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kEntries = 16;
constexpr unsigned kRing = 7; // not one that the driver uses in a small guest

/// A page that stays where it is, and its physical address. Needs root.
class DmaPage {
  public:
    DmaPage()
        : memory_(::mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0)) {}
    ~DmaPage() { ::munmap(memory_, kPage); }
    DmaPage(const DmaPage &) = delete;
    DmaPage &operator=(const DmaPage &) = delete;

    template <typename Entry>
    volatile Entry *as() {
        return static_cast<volatile Entry *>(memory_);
    }

    [[nodiscard]] std::uint64_t address() const {
        const int pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        std::uint64_t entry = 0;
        const auto at = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(memory_) / kPage * sizeof(entry));
        (void)!::pread(pagemap, &entry, sizeof(entry), at);
        ::close(pagemap);
        return (entry & ((std::uint64_t{1} << 55) - 1)) * kPage;
    }
    [[nodiscard]] std::vector<std::byte> copy() const {
        const auto *bytes = static_cast<const std::byte *>(memory_);
        return {bytes, bytes + kPage};
    }

  private:
    void *memory_;
};

/// BAR 0 of a card without a driver.
class Registers {
  public:
    explicit Registers(const std::string &address) : device_("/sys/bus/pci/devices/" + address) {
        std::ofstream(device_ + "/enable") << "1\n";
        const int bar = ::open((device_ + "/resource0").c_str(), O_RDWR | O_SYNC | O_CLOEXEC);
        registers_ = ::mmap(nullptr, K7_BAR0_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, bar, 0);
        ::close(bar);
    }
    ~Registers() {
        if (good())
            ::munmap(registers_, K7_BAR0_BYTES);
    }
    Registers(const Registers &) = delete;
    Registers &operator=(const Registers &) = delete;

    [[nodiscard]] bool good() const { return registers_ != MAP_FAILED; }
    [[nodiscard]] std::uint32_t read(std::uint32_t offset) const { return word(offset); }
    void write(std::uint32_t offset, std::uint32_t value) const { word(offset) = value; }
    void ring_write(std::uint32_t offset, std::uint32_t value) const { write(K7_REG_RING(kRing) + offset, value); }
    [[nodiscard]] std::uint32_t ring_read(std::uint32_t offset) const { return read(K7_REG_RING(kRing) + offset); }

    /// Bus mastering, which nobody but a driver or root with an editor switches on.
    void let_master(bool on) const {
        const int config = ::open((device_ + "/config").c_str(), O_RDWR | O_CLOEXEC);
        std::uint16_t command = 0;
        constexpr off_t kCommand = 4;
        constexpr std::uint16_t kMaster = 4;
        (void)!::pread(config, &command, sizeof(command), kCommand);
        command = static_cast<std::uint16_t>(on ? command | kMaster : command & ~kMaster);
        (void)!::pwrite(config, &command, sizeof(command), kCommand);
        ::close(config);
    }

  private:
    [[nodiscard]] volatile std::uint32_t &word(std::uint32_t offset) const {
        return *reinterpret_cast<volatile std::uint32_t *>(static_cast<std::byte *>(registers_) + offset);
    }

    std::string device_;
    void *registers_;
};

/// A ring as a dead kernel leaves it: enabled, the card the master of the bus, and it answers.
class StaleRing {
  public:
    explicit StaleRing(const Registers &registers) : registers_(registers) {
        registers.let_master(true);
        set_base(K7_RING_SQ_BASE_LO, submissions_.address());
        set_base(K7_RING_CQ_BASE_LO, completions_.address());
        registers.ring_write(K7_RING_SIZE, kEntries);
        registers.ring_write(K7_RING_VECTOR, 0);
        registers.ring_write(K7_RING_CONTROL, K7_RING_ENABLE);
    }

    [[nodiscard]] static bool enabled(const Registers &registers) {
        return (registers.ring_read(K7_RING_STATUS) & K7_RING_ENABLED) != 0;
    }
    /// Rings the doorbell for @p count NOPs, without taking their completions.
    void send(std::uint32_t count) {
        for (; count > 0; count--, tail_++) {
            volatile k7_sqe &entry = submissions_.as<k7_sqe>()[tail_ % kEntries];
            entry.opcode = K7_CMD_NOP;
            entry.tag = tail_;
        }
        registers_.ring_write(K7_RING_SQ_TAIL, tail_ % kEntries);
    }
    [[nodiscard]] bool answered(std::uint32_t index) {
        return (completions_.as<k7_cqe>()[index].phase & K7_CQE_PHASE) != 0;
    }
    [[nodiscard]] std::vector<std::byte> completions() const { return completions_.copy(); }

  private:
    void set_base(std::uint32_t low, std::uint64_t address) const {
        registers_.ring_write(low, static_cast<std::uint32_t>(address));
        registers_.ring_write(low + 4, static_cast<std::uint32_t>(address >> 32));
    }

    const Registers &registers_;
    DmaPage submissions_, completions_;
    std::uint32_t tail_ = 0;
};

/// @param fault that the card plays while the driver is bound
void take_over(Context &context, const std::string &fault) {
    Tap &tap = context.tap;
    const std::string address = pci_address(context);
    const std::uint32_t generation = Node(context.node).info().generation;
    write_driver("unbind", address);

    // The kernel takes this mapping away when a driver is bound.
    const auto registers = std::make_unique<Registers>(address);
    tap.check(registers->good() && registers->read(K7_REG_MAGIC) == K7_MAGIC, fault + ": the card without a driver");
    StaleRing ring(*registers);
    ring.send(1);
    tap.check(eventually(20, [&] { return ring.answered(0); }), fault + ": a stale ring runs and writes to memory");
    set_fault(context, fault);
    ring.send(8);
    bind(context, address);
    const auto before = ring.completions();
    tap.check(eventually(20, [&] { return Node(context.node).nop() == 0; }), fault + ": the driver comes, and works");
    std::this_thread::sleep_for(std::chrono::seconds(3));
    tap.check(ring.completions() == before, fault + ": nothing is written to the old ring any more");
    const bool reset = Node(context.node).info().generation > generation;
    tap.check(reset == (fault == "stuck-ring"), fault + (reset ? ": the card was reset" : ": the card was not reset"));

    set_fault(context, "none");
    write_driver("unbind", address);
    tap.check(!StaleRing::enabled(Registers(address)), fault + ": the old ring does not run");
    bind(context, address);
    tap.check(eventually(20, [&] { return Node(context.node).nop() == 0; }), fault + ": bound again, it works");
}

} // namespace

void test_stale_ring(Context &context) {
    take_over(context, "slow:1000");
    take_over(context, "stuck-ring");
}

// ---- kexec ----

/// Boots /boot/vmlinuz with /tmp/initrd and the same arguments; returns only when that fails.
void test_kexec(Context &context) {
    Tap &tap = context.tap;
    const std::string arguments = first_line("/proc/cmdline");
    const int kernel = ::open("/boot/vmlinuz", O_RDONLY | O_CLOEXEC);
    const int initrd = ::open("/tmp/initrd", O_RDONLY | O_CLOEXEC);
    const long loaded = ::syscall(SYS_kexec_file_load, kernel, initrd, arguments.size() + 1, arguments.c_str(), 0UL);
    tap.check(loaded == 0,
              std::string("load the next kernel") + (loaded == 0 ? "" : std::string(": ") + ::strerror(errno)));
    if (loaded != 0)
        return;
    std::vector<std::thread> load;
    for (int i = 0; i < 2; i++) {
        load.emplace_back([&] {
            const Node node(context.node);
            std::array<std::byte, 4096> bytes{};
            for (;;)
                (void)node.send(Node::request(K7_CMD_GET_RANDOM, bytes, bytes.size()));
        });
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    ::reboot(LINUX_REBOOT_CMD_KEXEC);
    tap.check(false, "the next kernel does not start");
    std::_Exit(1); // the threads never end
}

} // namespace k7test
