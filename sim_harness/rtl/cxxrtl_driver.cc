// Plays commands on a LIF core that Yosys has turned into C++, and records what it retires and sends.
//
// Compiled together with the generated core.cc, found beside it; ports are looked up by name, so that one driver
// serves every core. Called from Python (sim_harness/rtl/cxxrtl.py) once per chunk of ticks.

#define CXXRTL_INCLUDE_CAPI_IMPL
#include "core.cc"

#include <cxxrtl/capi/cxxrtl_capi.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

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

struct Field {
    Port port;
    int shift;  // of sign extension; 0 for unsigned fields

    int64_t get() const {
        uint32_t bits = port.get();
        return shift < 0 ? int64_t(bits) : int64_t(int32_t(bits << shift) >> shift);
    }
};

struct Player {
    cxxrtl_handle core = nullptr;
    std::string problem;
    Port clk, rst, host_valid, host_ready, host_field, host_neuron, host_data;
    Port event_valid, event_ready, event_neuron, event_weight;
    Port tick, busy, spike_valid, spike_ready, spike_neuron, retire_valid;
    std::vector<Field> fields;
    bool events = false, retires = false;
    uint32_t noise = 1, stall = 0;
    int64_t ticks = 0;

    ~Player() {
        if (core) cxxrtl_destroy(core);
    }

    Port find(const char *name, size_t width) {
        Port port{cxxrtl_get(core, name)};
        const size_t found = port.object ? port.object->width : 0;
        if (found != width && problem.empty()) problem = std::string(name) + " " + std::to_string(found);
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

    void draw() {  // xorshift32: spike_ready is low in about `stall` of 256 clocks
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        spike_ready.set((noise & 255) >= stall);
    }
};

}  // namespace

extern "C" {

// names, widths: `count` ports in the order clk .. retire_valid, then retired fields; width 0: not there.
// is_signed: for the retired fields only.
Player *player_open(const char **names, const int *widths, const uint8_t *is_signed, int count, uint32_t stall, uint32_t seed) {
    auto *player = new Player;
    Player &p = *player;
    p.core = cxxrtl_create(cxxrtl_design_create());
    Port *fixed[] = {&p.clk, &p.rst, &p.host_valid, &p.host_ready, &p.host_field, &p.host_neuron, &p.host_data,
                     &p.event_valid, &p.event_ready, &p.event_neuron, &p.event_weight,
                     &p.tick, &p.busy, &p.spike_valid, &p.spike_ready, &p.spike_neuron, &p.retire_valid};
    const int ports = sizeof fixed / sizeof *fixed;
    for (int k = 0; k < count; k++) {
        if (!widths[k]) continue;
        Port port = p.find(names[k], widths[k]);
        if (k < ports)
            *fixed[k] = port;
        else
            p.fields.push_back({port, is_signed[k] ? 32 - widths[k] : -1});
    }
    if (!p.problem.empty()) return player;
    p.events = p.event_valid.object, p.retires = p.retire_valid.object;
    p.stall = stall, p.noise = seed ? seed : 1;
    for (int k = 0; k < 4; k++) {
        p.rst.set(k > 0);
        p.settle();
        p.edge();
    }
    p.rst.set(0);
    p.draw();
    return player;
}

// Name and width (0: there is none) of the first port that is not as expected, or an empty text.
const char *player_problem(Player *p) { return p->problem.c_str(); }

void player_close(Player *p) { delete p; }

// Play `count` commands of four integers and wait until the core is idle. Rows of 1 + fields integers go to `retired`,
// rows of two to `spikes`, as many as fit; done[0..2]: rows of each, clocks.
int player_play(Player *player, const int64_t *commands, int64_t count, int64_t *retired, int64_t most_retired,
                int64_t *spikes, int64_t most_spikes, int64_t patience, int64_t *done) {
    Player &p = *player;
    int64_t next = 0, rows = 0, fired = 0, clocks = 0, idle = 0;
    const int64_t row_size = 1 + int64_t(p.fields.size());
    for (;; clocks++) {
        const int64_t *command = commands + 4 * next;
        const int64_t kind = next < count ? command[0] : -1;
        p.host_valid.set(kind == HOST);
        p.event_valid.set(kind == EVENT);
        p.tick.set(kind == TICK);
        if (kind == HOST) {
            p.host_field.set(uint32_t(command[1]));
            p.host_neuron.set(uint32_t(command[2]));
            p.host_data.set(uint32_t(command[3]));
        } else if (kind == EVENT) {
            p.event_neuron.set(uint32_t(command[2]));
            p.event_weight.set(uint32_t(command[3]));
        }
        p.settle();
        const bool busy = p.busy.get();
        bool progress = false;
        if (p.retires && p.retire_valid.get()) {
            if (rows < most_retired) {
                int64_t *row = retired + row_size * rows;
                *row++ = p.ticks - 1;
                for (const Field &field : p.fields) *row++ = field.get();
            }
            rows++, progress = true;
        }
        if (p.spike_valid.get() && p.spike_ready.get()) {
            if (fired < most_spikes) {
                spikes[2 * fired] = p.ticks - 1;
                spikes[2 * fired + 1] = p.spike_neuron.get();
            }
            fired++, progress = true;
        }
        if (kind < 0 && !busy) break;
        if ((kind == HOST && p.host_ready.get()) || (kind == EVENT && p.event_ready.get()) || (kind == TICK && !busy)) {
            next++, progress = true;
            p.ticks += kind == TICK;
        }
        p.edge();
        p.draw();
        idle = progress ? 0 : idle + 1;
        if (idle > patience) break;
    }
    done[0] = rows, done[1] = fired, done[2] = clocks;
    return idle > patience ? HUNG : rows > most_retired || fired > most_spikes ? OVERFLOW : OK;
}

}  // extern "C"
