// Plays commands on a LIF core that Yosys has turned into C++, and records what it retires and sends.
//
// Compiled together with the generated core.cc, found beside it; ports are looked up by name, so that one driver
// serves every core. Called from Python (sim_harness/rtl/cxxrtl.py) once per chunk of ticks.

#define CXXRTL_INCLUDE_CAPI_IMPL
#include "core.cc"

#include "cxxrtl_port.h"

#include <vector>

namespace {

struct Field {
    Port port;
    int shift;  // of sign extension; 0 for unsigned fields

    int64_t get() const {
        uint32_t bits = port.get();
        return shift < 0 ? int64_t(bits) : int64_t(int32_t(bits << shift) >> shift);
    }
};

struct Player : Design {
    Port host_valid, host_ready, host_field, host_neuron, host_data;
    Port event_valid, event_ready, event_neuron, event_weight;
    Port tick, busy, spike_valid, spike_ready, spike_neuron, retire_valid;
    std::vector<Field> fields;
    bool retires = false;
    int64_t ticks = 0;

    using Design::Design;
    void draw() { spike_ready.set(ready()); }
};

}  // namespace

extern "C" {

// names, widths: `count` ports in the order clk .. retire_valid, then retired fields; width 0: not there.
// is_signed: for the retired fields only.
Player *player_open(const char **names, const int *widths, const uint8_t *is_signed, int count, uint32_t stall, uint32_t seed) {
    auto *player = new Player(stall, seed);
    Player &p = *player;
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
    p.retires = p.retire_valid.object;
    p.reset();
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
