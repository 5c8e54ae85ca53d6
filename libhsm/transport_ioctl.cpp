// SPDX-License-Identifier: Apache-2.0
#include "libhsm/transport.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "hsm/error.hpp"
#include "libhsm/file_descriptor.hpp"
#include "libhsm/node_access.hpp"

namespace hsm {
namespace {

class IoctlTransport final : public Transport {
  public:
    IoctlTransport(std::string node, FileDescriptor file) : node_(std::move(node)), file_(std::move(file)) {}

    [[nodiscard]] const std::string &name() const noexcept override { return node_; }
    [[nodiscard]] int descriptor() const noexcept override { return file_.get(); }

    int info(k7_ioc_info &info) override { return call(K7_IOC_INFO, info); }
    int query(k7_ioc_query &query) override { return call(K7_IOC_QUERY, query); }
    int request(k7_ioc_request &request) override { return call(K7_IOC_REQUEST, request); }
    int erase(k7_ioc_erase &erase) override { return call(K7_IOC_ERASE, erase); }
    int reset(k7_ioc_reset &reset) override { return call(K7_IOC_RESET, reset); }
    int event(k7_ioc_event &event) override { return call(K7_IOC_EVENT, event); }

  private:
    template <typename Argument>
    int call(unsigned long number, Argument &argument) {
        argument.size = sizeof argument;
        return ::ioctl(file_.get(), number, &argument) < 0 ? errno : 0;
    }

    std::string node_;
    FileDescriptor file_;
};

/// Opening a foreign device can have effects (a watchdog starts, a tape rewinds), so its class is looked at before.
bool is_other_device(const struct stat &status) {
    if (!S_ISCHR(status.st_mode))
        return true;
    const std::string link = "/sys/dev/char/" + std::to_string(major(status.st_rdev)) + ":" +
                             std::to_string(minor(status.st_rdev)) + "/subsystem";
    std::error_code error;
    const auto target = std::filesystem::read_symlink(link, error);
    return !error && target.filename() != "k7hsm";
}

Error not_a_card(const std::string &node) {
    return Error(ErrorKind::not_found, node + " is not a K7 card",
                 "cards are /dev/k7pf0, /dev/k7pf1, ...: see `enquiry`")
        .with_object(node)
        .with_errno(ENOTTY);
}

Error cannot_open(const std::string &node, int value) {
    const std::string message = "cannot open " + node + ": ";
    const auto make = [&](ErrorKind kind, const std::string &why, const std::string &hint) {
        return Error(kind, message + why, hint).with_errno(value).with_object(node);
    };
    switch (value) {
    case ENOENT:
        return make(ErrorKind::not_found, "no such node", "`enquiry` shows the cards that are there");
    case EACCES:
    case EPERM:
        return make(ErrorKind::permission, "permission denied (" + node_owner_text(node) + ")", node_access_hint(node));
    case ENXIO:
    case ENODEV:
        return make(ErrorKind::not_operational, "the card is gone", "check the slot, then load the driver anew");
    case EAGAIN:
        return make(ErrorKind::not_operational, "the card is being reset", "try again in a second");
    case EBUSY:
    case EMFILE:
    case ENFILE:
    case ENOSPC:
        return make(ErrorKind::refused, std::strerror(value), "too many open channels: close other users of the card");
    default:
        return make(ErrorKind::failed, std::strerror(value), {});
    }
}

} // namespace

std::unique_ptr<Transport> open_node(const std::string &node) {
    struct stat status {};
    if (::stat(node.c_str(), &status) < 0)
        throw cannot_open(node, errno);
    if (is_other_device(status))
        throw not_a_card(node);
    // A reader may still query a card; the driver refuses what needs writing.
    FileDescriptor file(::open(node.c_str(), O_RDWR | O_CLOEXEC));
    if (file.get() < 0 && (errno == EACCES || errno == EROFS))
        file = FileDescriptor(::open(node.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0)
        throw cannot_open(node, errno);
    auto transport = std::make_unique<IoctlTransport>(node, std::move(file));
    k7_ioc_info info{};
    if (const int result = transport->info(info); result == ENOTTY)
        throw not_a_card(node);
    return transport;
}

} // namespace hsm
