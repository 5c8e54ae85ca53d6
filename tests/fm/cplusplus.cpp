// SPDX-License-Identifier: GPL-2.0-or-later
//
// cplusplus: an FM in freestanding C++20. FM ID a0e1. Any request: the areas of three shapes, each made with new, then
// what constructors and destructors counted: "area 31 3 3 1", status 0.
#include "text.h"

DEFINE_FM_HEADER(0xa0e1, FM_MAKE_VERSION(1, 0), 1, "k7hsm tests", "cplusplus");

namespace {

struct Counts {
    unsigned made = 0;
    unsigned gone = 0;
    unsigned constructors = 0;
};
constinit Counts counts;

/// Run before Startup(), or not at all.
struct AtStart {
    AtStart() { ++counts.constructors; }
    ~AtStart() {}
};
AtStart at_start;

class Shape {
  public:
    Shape() { ++counts.made; }
    virtual ~Shape() { ++counts.gone; }
    virtual unsigned area() const = 0;
};

class Square final : public Shape {
  public:
    explicit Square(unsigned side) : side_(side) {}
    unsigned area() const override { return side_ * side_; }

  private:
    unsigned side_;
};

class Rectangle final : public Shape {
  public:
    Rectangle(unsigned width, unsigned height) : width_(width), height_(height) {}
    unsigned area() const override { return width_ * height_; }

  private:
    unsigned width_, height_;
};

template <typename T>
concept HasArea = requires(const T &shape) {
    shape.area();
};

unsigned area_of(const HasArea auto &shape) {
    return shape.area();
}

void on_message(HI_MsgHandle token, void *, uint32_t) {
    unsigned area = 0;
    counts.made = counts.gone = 0;
    Shape *const shapes[] = {new Square(3), new Rectangle(4, 5), new Rectangle(1, 2)};
    for (Shape *shape : shapes) {
        area += area_of(*shape);
        delete shape;
    }
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "area %u %u %u %u", area, counts.made, counts.gone, counts.constructors);
    reply_text(token, 0, text);
}

} // namespace

FM_RV Startup() {
    return FMSW_RegisterRandomDispatch(GetFMID(), on_message);
}
