// Plays commands on a TrueNorth chip that Yosys has turned into C++, and records what every core retires.
//
// Compiled together with the generated core.cc, found beside it. Called from Python (sim_harness/rtl/truenorth/cxxrtl.py)
// once per chunk of ticks.

#define CXXRTL_INCLUDE_CAPI_IMPL
#include "core.cc"

#include "cxxrtl_port.h"

#include <vector>

namespace {

struct Retire {
    Port valid, neuron, v, spike;
    int64_t next;  // the neuron whose turn it is
};

struct Edge {
    Port valid, ready, packet;
};

struct Chip : Design {
    Port host_valid, host_ready, host_write, host_core, host_address, host_data, answer_valid, answer_data, tick, busy;
    std::vector<Port> west_valid, west_ready, west_packet;
    std::vector<Edge> out;
    std::vector<Retire> retire;
    int64_t neurons = 0;
    int shift = 0;
    bool flat = false;
    uint64_t digest = 0;  // of the packets that left, in their order at each edge

    using Design::Design;
    void draw() {
        for (const Edge &edge : out) edge.ready.set(ready());
    }
};

}  // namespace

extern "C" {

// widths: of host_core, host_address, retire_neuron, retire_v.
// flat: the design has no borders of modules.
Chip *chip_open(int columns, int rows, int neurons, const int *widths, uint32_t stall, uint32_t seed, int flat) {
    auto *chip = new Chip(stall, seed);
    Chip &c = *chip;
    c.flat = flat;
    c.clk = c.find("clk", 1), c.rst = c.find("rst", 1);
    c.host_valid = c.find("host_valid", 1), c.host_ready = c.find("host_ready", 1);
    c.host_write = c.find("host_write", 1), c.host_core = c.find("host_core", widths[0]);
    c.host_address = c.find("host_address", widths[1]), c.host_data = c.find("host_data", 32);
    c.answer_valid = c.find("answer_valid", 1), c.answer_data = c.find("answer_data", 32);
    c.tick = c.find("tick", 1), c.busy = c.find("busy", 1);
    c.neurons = neurons, c.shift = 32 - widths[3];
    const auto leave = [&](const char *side, int count) {
        for (int k = 0; k < count; k++) {
            const std::string name = std::string(side) + "_out_" + std::to_string(k);
            c.out.push_back({c.find(name + "_valid", 1), c.find(name + "_ready", 1), c.find(name + "_packet", 30)});
        }
    };
    leave("west", rows), leave("east", rows), leave("south", columns), leave("north", columns);
    for (int k = 0; k < rows; k++) {
        const std::string name = "west_in_" + std::to_string(k);
        c.west_valid.push_back(c.find(name + "_valid", 1));
        c.west_ready.push_back(c.find(name + "_ready", 1));
        c.west_packet.push_back(c.find(name + "_packet", 30));
    }
    for (int k = 0; k < columns * rows; k++) {
        const std::string name = "retire_" + std::to_string(k);
        c.retire.push_back({c.find(name + "_valid", 1), c.find(name + "_neuron", widths[2]),
                            c.find(name + "_v", widths[3]), c.find(name + "_spike", 1), neurons});
    }
    if (!c.problem.empty()) return chip;
    c.reset();
    c.draw();
    return chip;
}

// Name and width (0: there is none) of the first port that is not as expected, or an empty text.
const char *chip_problem(Chip *c) { return c->problem.c_str(); }

void chip_close(Chip *c) { delete c; }

// Play `count` commands of four integers - (HOST, core, address, data), (EVENT, row, 0, packet), (TICK, 0, 0, 0) - and
// wait until the chip is idle. Of tick k of this call: potentials and spikes of all places at v + k * places and
// spiked + k * places, its clocks at clocks[k]. done[0..3]: ticks, packets that left the grid, clocks in all, and 1 + the
// core whose updates were not all neurons in ascending order (0: none).
int chip_play(Chip *chip, const int64_t *commands, int64_t count, int32_t *v, uint8_t *spiked, int64_t *clocks,
              int64_t most_ticks, int64_t patience, int64_t *done) {
    Chip &c = *chip;
    const int64_t cores = int64_t(c.retire.size()), places = cores * c.neurons;
    int64_t next = 0, ticks = 0, left = 0, total = 0, idle = 0, wrong = 0;
    bool calm = false;  // idle in the clock before, and nothing taken in it: idle now
    const auto complete = [&] {
        for (int64_t k = 0; k < cores; k++)
            if (c.retire[k].next != c.neurons && !wrong) wrong = k + 1;
    };
    for (;; total++) {
        const int64_t *command = commands + 4 * next;
        const int64_t kind = next < count ? command[0] : -1;
        c.host_valid.set(kind == HOST);
        c.host_write.set(1);
        const bool begins = kind == TICK && calm && ticks < most_ticks;
        c.tick.set(begins);
        for (const Port &valid : c.west_valid) valid.set(0);
        if (kind == HOST) {
            c.host_core.set(uint32_t(command[1]));
            c.host_address.set(uint32_t(command[2]));
            c.host_data.set(uint32_t(command[3]));
        } else if (kind == EVENT) {
            c.west_valid[command[1]].set(1);
            c.west_packet[command[1]].set(uint32_t(command[3]));
        }
        if (!c.flat) c.settle();
        c.rise();
        const bool busy = c.busy.get();
        bool progress = begins;
        for (int64_t k = 0; k < cores; k++) {
            Retire &r = c.retire[k];
            if (!r.valid.get()) continue;
            const int64_t neuron = r.neuron.get();
            if (neuron != r.next || neuron >= c.neurons) {
                wrong = k + 1;
                break;
            }
            r.next++, progress = true;
            const int64_t place = (ticks - 1) * places + k * c.neurons + neuron;
            v[place] = int32_t(r.v.get() << c.shift) >> c.shift;
            spiked[place] = uint8_t(r.spike.get());
        }
        for (const Edge &edge : c.out) {
            if (!edge.valid.get() || !edge.ready.get()) continue;
            c.digest = c.digest * 31 + edge.packet.get();
            left++;
        }
        if (ticks) clocks[ticks - 1] += busy;
        const bool taken = (kind == HOST && c.host_ready.get()) || (kind == EVENT && c.west_ready[command[1]].get());
        if (begins) {
            complete();
            for (Retire &r : c.retire) r.next = 0;
            clocks[ticks++] = 0;
        }
        next += taken || begins, progress |= taken;
        const bool was_calm = calm;
        calm = !busy && !taken && !begins;
        c.fall();
        c.draw();
        if (kind < 0 && was_calm) complete();
        if (wrong || (kind < 0 && was_calm) || (kind == TICK && was_calm && !begins)) break;
        idle = progress ? 0 : idle + 1;
        if (idle > patience) break;
    }
    done[0] = ticks, done[1] = left, done[2] = total, done[3] = wrong;
    return idle > patience ? HUNG : next < count && !wrong ? OVERFLOW : OK;
}

void chip_reset(Chip *chip) {
    chip->reset();
    chip->draw();
}

// Packets that left so far as one number: h -> 31 h + packet, modulo 2^64.
uint64_t chip_digest(Chip *chip) { return chip->digest; }

// Drive an input of up to 32 bits from now on; false if there is none. Read any port; -1 if there is none. One clock.
bool chip_set(Chip *chip, const char *name, uint32_t value) {
    const Port port{cxxrtl_get(chip->core, name)};
    port.set(value);
    return port.object != nullptr;
}
int64_t chip_get(Chip *chip, const char *name) {
    const Port port{cxxrtl_get(chip->core, name)};
    return port.object ? int64_t(port.get()) : -1;
}
void chip_clock(Chip *chip) {
    chip->settle();
    chip->edge();
    chip->settle();
}

// What the host reads, while the chip is idle; -1 if it does not answer.
int64_t chip_read(Chip *chip, int64_t core, int64_t address, int64_t patience) {
    Chip &c = *chip;
    c.tick.set(0);
    c.host_write.set(0);
    c.host_core.set(uint32_t(core));
    c.host_address.set(uint32_t(address));
    bool asked = false;
    for (int64_t k = 0; k < patience; k++) {
        c.host_valid.set(!asked);
        c.settle();
        if (c.answer_valid.get()) {
            const int64_t answer = c.answer_data.get();
            c.edge();
            return answer;
        }
        asked |= c.host_ready.get();
        c.edge();
    }
    return -1;
}

}  // extern "C"
