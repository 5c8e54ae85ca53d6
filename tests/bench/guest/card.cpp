// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>
#include <vector>

#include "tests/bench/guest/card_node.hpp"
#include "tests/bench/guest/measure.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

using k7test::sized;

class UnknownIoctl final : public Operation {
  public:
    void run() override {
        std::uint32_t argument = 0;
        if (node_.call(_IOWR(K7HSM_IOC_MAGIC, 0xff, std::uint32_t), &argument) != -ENOTTY)
            throw std::runtime_error("the driver knows an ioctl that is not there");
    }

  private:
    k7test::Node node_ = open_card();
};

class RefusedRequest final : public Operation {
  public:
    void run() override {
        k7_ioc_request request = k7test::Node::request(0xffff);
        if (node_.call(K7_IOC_REQUEST, &request) != -EOPNOTSUPP)
            throw std::runtime_error("the driver takes a command that is not there");
    }

  private:
    k7test::Node node_ = open_card();
};

class Info final : public Operation {
  public:
    void run() override {
        k7_ioc_info info;
        check_card(node_.info(info), K7_ST_OK, "K7_IOC_INFO");
    }

  private:
    k7test::Node node_ = open_card();
};

class Request final : public Operation {
  public:
    explicit Request(const CardRequest &request) : in_(pattern(request.in_len)), out_(request.out_len) {
        request_ = k7test::Node::request(request.opcode, out_, request.arg0);
        request_.in_addr = reinterpret_cast<std::uintptr_t>(in_.data());
        request_.in_len = request.in_len;
        run();
        if (request.opcode == K7_CMD_FM_CALL && out_ != in_)
            throw std::runtime_error("the FM's reply is not the request");
    }

    void run() override {
        k7_ioc_request request = request_;
        const int error = node_.call(K7_IOC_REQUEST, &request);
        check_card(error, request.card_status, "K7_IOC_REQUEST");
    }

  private:
    k7test::Node node_ = open_card();
    std::vector<std::byte> in_, out_;
    k7_ioc_request request_;
};

} // namespace

k7test::Node open_card() {
    k7test::Node node(kCardNode);
    checked(node.fd(), kCardNode);
    return node;
}

void check_card(int error, std::uint32_t card_status, const char *what) {
    if (error != 0)
        throw std::system_error(-error, std::generic_category(), what);
    if (card_status != K7_ST_OK)
        throw std::runtime_error(std::string(what) + ": the card says " + std::to_string(card_status));
}

std::vector<std::byte> pattern(std::size_t size) {
    std::vector<std::byte> bytes(size);
    std::generate(bytes.begin(), bytes.end(), [next = 1u]() mutable {
        next = next * 1103515245 + 12345;
        return static_cast<std::byte>(next >> 16);
    });
    return bytes;
}

std::unique_ptr<Operation> card_unknown_ioctl() {
    return std::make_unique<UnknownIoctl>();
}

std::unique_ptr<Operation> card_refused_request() {
    return std::make_unique<RefusedRequest>();
}

std::unique_ptr<Operation> card_info() {
    return std::make_unique<Info>();
}

std::unique_ptr<Operation> card_request(const CardRequest &request) {
    return std::make_unique<Request>(request);
}

} // namespace k7bench
