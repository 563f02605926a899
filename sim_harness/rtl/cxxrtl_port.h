// What the drivers of all designs in CXXRTL have in common: ports by name, clocks, back-pressure.
//
// Included after the generated core.cc.

#pragma once

#include <cxxrtl/capi/cxxrtl_capi.h>

#include <cstdint>
#include <string>

enum Command : int64_t { HOST, EVENT, TICK };
enum Outcome : int { OK, HUNG, OVERFLOW };

// Up to 32 bits of a port.
struct Port {
    cxxrtl_object *object = nullptr;

    uint32_t get() const {
        if (object->outline) cxxrtl_outline_eval(object->outline);
        return object->curr[0];
    }
    void set(uint32_t value) const {
        if (object) object->next[0] = value;
    }
};

struct Design {
    cxxrtl_handle core = cxxrtl_create(cxxrtl_design_create());
    std::string problem;
    Port clk, rst;
    uint32_t noise = 1, stall = 0;

    Design(uint32_t stall, uint32_t seed) : noise(seed ? seed : 1), stall(stall) {}
    Design(const Design &) = delete;
    ~Design() { cxxrtl_destroy(core); }

    Port find(const std::string &name, size_t width) {
        Port port{cxxrtl_get(core, name.c_str())};
        const size_t found = port.object ? port.object->width : 0;
        if (found != width && problem.empty()) problem = name + " " + std::to_string(found);
        return port;
    }

    // Settle with the clock low, let the caller look at the outputs, then the edge.
    void settle() {
        clk.set(0);
        cxxrtl_step(core);
    }
    void edge() {
        clk.set(1);
        cxxrtl_step(core);
    }

    // Half the work of settle and edge: evaluate once at the rising clock, look at the outputs, which are those before the
    // edge, then let the registers change. Only where what is driven does not depend on outputs of the same clock, and
    // only for a flattened design as it is: one with borders, or with changes that make loops of bits, settles first.
    void rise() {
        clk.set(1);
        core->module->eval();
    }
    void fall() {
        core->module->commit();
        clk.set(0);
        core->module->commit();
    }
    void reset() {
        for (int k = 0; k < 4; k++) {
            rst.set(k > 0);
            settle();
            edge();
        }
        rst.set(0);
    }

    // Whether a stream that leaves may do so in this clock: not in about `stall` of 256. xorshift32.
    bool ready() {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        return (noise & 255) >= stall;
    }
};
