// SPDX-License-Identifier: GPL-2.0-or-later
//
// 1 MiB of FM image on its way to the card, without the checks that come after it, beside a copy in the guest.
#include <cstring>
#include <span>
#include <stdexcept>

#include "k7/payload.h"
#include "tests/bench/guest/card_node.hpp"
#include "tests/bench/guest/parts.hpp"
#include "tests/bench/guest/subjects.hpp"

namespace k7bench {
namespace {

constexpr std::uint32_t kBytes = 1 << 20;

class Loader {
  public:
    Loader() {
        if (node_.login() != 0)
            throw std::runtime_error("the HSM SO cannot log in");
    }

    /// The largest piece that the driver takes.
    [[nodiscard]] std::uint32_t piece() const {
        const k7_ioc_info info = node_.info();
        const bool bulk = (info.driver_features & K7_DRIVER_HAS_BULK) != 0 && info.bulk_max >= kBytes;
        return bulk ? kBytes : info.payload_max;
    }

    /// @return nanoseconds that the data took; the load is begun before and forgotten after
    std::uint64_t send(std::span<std::byte> image, std::uint32_t piece) const {
        begin(static_cast<std::uint32_t>(image.size()));
        const std::uint64_t start = now_ns();
        for (std::uint32_t offset = 0; offset < image.size(); offset += piece)
            send_piece(image.subspan(offset, std::min<std::size_t>(piece, image.size() - offset)), offset);
        const std::uint64_t took = now_ns() - start;
        command(k7test::Node::request(K7_CMD_FM_LOAD_ABORT));
        return took;
    }

  private:
    void command(const k7_ioc_request &request) const {
        k7_ioc_request copy = request;
        const int error = node_.call(K7_IOC_REQUEST, &copy);
        check_card(error, copy.card_status, "loading an FM");
    }

    void begin(std::uint32_t size) const {
        k7_fm_load load{};
        load.image_size = size;
        k7_ioc_request request = k7test::Node::request(K7_CMD_FM_LOAD_BEGIN);
        request.in_addr = reinterpret_cast<std::uintptr_t>(&load);
        request.in_len = sizeof(load);
        command(request);
    }

    void send_piece(std::span<std::byte> piece, std::uint32_t offset) const {
        k7_ioc_request request = k7test::Node::request(K7_CMD_FM_LOAD_DATA, {}, offset);
        request.in_addr = reinterpret_cast<std::uintptr_t>(piece.data());
        request.in_len = static_cast<std::uint32_t>(piece.size());
        command(request);
    }

    k7test::Node node_ = open_card();
};

std::uint64_t copy_ns(std::span<const std::byte> from, std::span<std::byte> to) {
    const std::uint64_t begin = now_ns();
    std::memcpy(to.data(), from.data(), from.size());
    // The copy must not be thought useless.
    asm volatile("" : : "r"(to.data()) : "memory");
    return now_ns() - begin;
}

double mib_per_second(std::uint64_t nanoseconds) {
    return static_cast<double>(kBytes) / (1 << 20) * 1e9 / static_cast<double>(nanoseconds);
}

/// Median of a few, since a single one is over in a moment.
template <typename Measure>
double median_rate(const Measure &measure) {
    std::vector<double> rates;
    for (int i = 0; i < 15; ++i)
        rates.push_back(mib_per_second(measure()));
    std::nth_element(rates.begin(), rates.begin() + 7, rates.end());
    return rates[7];
}

void measure(const Plan &plan, Json &line) {
    const Loader loader;
    std::vector<std::byte> image = pattern(kBytes), copy(kBytes);
    const std::uint32_t piece = loader.piece();
    std::vector<double> card, memory;
    for (unsigned round = 0; round < plan.rounds; ++round) {
        card.push_back(median_rate([&] { return loader.send(image, piece); }));
        memory.push_back(median_rate([&] { return copy_ns(image, copy); }));
    }
    line.update(
        {{"status", "ran"}, {"bytes", kBytes}, {"piece", piece}, {"card_mib_s", card}, {"memcpy_mib_s", memory}});
}

} // namespace

bool measure_transfer(const Plan &plan) {
    Json line = {{"kind", "transfer"}};
    try {
        measure(plan, line);
        report(line);
        return true;
    } catch (const std::exception &problem) {
        report(did_not_run(line, "failed", problem.what()));
        return false;
    }
}

} // namespace k7bench
