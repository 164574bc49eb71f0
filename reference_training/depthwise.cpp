// Depthwise convolutions and ELU on bfloat16 features [B, T, C], forward and backward, one thread.
//
// A depthwise convolution with stride s and k taps ends at the last sample of its frame:
//     y[f] = bias + sum_j w[j] * x[f * s + j - (k - s)].
// Its transpose, with k = 2 s, upsamples: y[t * s + j] = w[j] * x[t] + w[s + j] * x[t - 1].
// Sums run in single precision; weights are [k, C] in single precision. C is a multiple of 8.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace {

constexpr long LANES = 8;
typedef float Floats __attribute__((vector_size(4 * LANES)));
typedef uint32_t Words __attribute__((vector_size(4 * LANES)));
typedef uint16_t Halves __attribute__((vector_size(2 * LANES)));

inline Floats load(const float* from) {
    Floats values;
    std::memcpy(&values, from, sizeof values);
    return values;
}

inline Floats load(const uint16_t* from) {
    Halves halves;
    std::memcpy(&halves, from, sizeof halves);
    return (Floats)(__builtin_convertvector(halves, Words) << 16);
}

inline void store(float* to, Floats values) { std::memcpy(to, &values, sizeof values); }

inline void store(uint16_t* to, Floats values) {  // to nearest, ties to even
    const Words bits = (Words)values;
    const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    const Halves halves = __builtin_convertvector(rounded, Halves);
    std::memcpy(to, &halves, sizeof halves);
}

constexpr long TAPS = 5;

}  // namespace

extern "C" {

// x, y: [batch, length, channels]; w: [5, channels]; bias: [channels] or null
void depthwise_forward(const uint16_t* x, const float* w, const float* bias, uint16_t* y,
                       long batch, long length, long channels) {
    for (long b = 0; b < batch; ++b)
        for (long c = 0; c < channels; c += LANES) {
            const uint16_t* in = x + b * length * channels + c;
            uint16_t* out = y + b * length * channels + c;
            Floats taps[TAPS], recent[TAPS] = {};
            for (long j = 0; j < TAPS; ++j) taps[j] = load(w + j * channels + c);
            const Floats offset = bias ? load(bias + c) : Floats{};
            for (long t = 0; t < length; ++t) {
                for (long j = 0; j + 1 < TAPS; ++j) recent[j] = recent[j + 1];
                recent[TAPS - 1] = load(in + t * channels);
                Floats sum = offset;
                for (long j = 0; j < TAPS; ++j) sum += recent[j] * taps[j];
                store(out + t * channels, sum);
            }
        }
}

void depthwise_backward(const uint16_t* gy, const uint16_t* x, const float* w, uint16_t* gx,
                        float* gw, float* gb, long batch, long length, long channels) {
    for (long c = 0; c < channels; c += LANES) {
        Floats taps[TAPS], sums[TAPS] = {}, bias_sum = {};
        for (long j = 0; j < TAPS; ++j) taps[j] = load(w + j * channels + c);
        for (long b = 0; b < batch; ++b) {
            const long base = b * length * channels + c;
            Floats coming[TAPS] = {};  // coming[j]: gradient of the output that tap j reaches
            for (long t = length - 1; t >= 0; --t) {
                for (long j = 0; j + 1 < TAPS; ++j) coming[j] = coming[j + 1];
                coming[TAPS - 1] = load(gy + base + t * channels);
                bias_sum += coming[TAPS - 1];
                const Floats here = load(x + base + t * channels);
                Floats sum = {};
                for (long j = 0; j < TAPS; ++j) {
                    sum += coming[j] * taps[j];
                    sums[j] += coming[j] * here;
                }
                store(gx + base + t * channels, sum);
            }
        }
        for (long j = 0; j < TAPS; ++j) store(gw + j * channels + c, sums[j]);
        if (gb) store(gb + c, bias_sum);
    }
}

// x: [batch, frames * stride, channels]; w: [2 * stride, channels]; y: [batch, frames, channels]
void downsample_forward(const uint16_t* x, const float* w, const float* bias, uint16_t* y,
                        long batch, long frames, long stride, long channels) {
    for (long b = 0; b < batch; ++b)
        for (long f = 0; f < frames; ++f)
            for (long c = 0; c < channels; c += LANES) {
                const uint16_t* in = x + (b * frames + f - 1) * stride * channels + c;
                Floats sum = bias ? load(bias + c) : Floats{};
                for (long j = f ? 0 : stride; j < 2 * stride; ++j)
                    sum += load(in + j * channels) * load(w + j * channels + c);
                store(y + (b * frames + f) * channels + c, sum);
            }
}

void downsample_backward(const uint16_t* gy, const uint16_t* x, const float* w, uint16_t* gx,
                         float* gw, float* gb, long batch, long frames, long stride,
                         long channels) {
    for (long c = 0; c < channels; c += LANES) {
        Floats bias_sum = {};
        for (long j = 0; j < stride; ++j) {
            const Floats older = load(w + j * channels + c);
            const Floats newer = load(w + (stride + j) * channels + c);
            Floats older_sum = {}, newer_sum = {};
            for (long b = 0; b < batch; ++b) {
                Floats next = {};
                for (long f = frames - 1; f >= 0; --f) {
                    const long row = ((b * frames + f) * stride + j) * channels + c;
                    const Floats now = load(gy + (b * frames + f) * channels + c);
                    const Floats here = load(x + row);
                    older_sum += next * here;
                    newer_sum += now * here;
                    if (j == 0) bias_sum += now;
                    store(gx + row, now * newer + next * older);
                    next = now;
                }
            }
            store(gw + j * channels + c, older_sum);
            store(gw + (stride + j) * channels + c, newer_sum);
        }
        if (gb) store(gb + c, bias_sum);
    }
}

// x: [batch, frames, channels]; w: [2 * stride, channels]; y: [batch, frames * stride, channels]
void upsample_forward(const uint16_t* x, const float* w, uint16_t* y, long batch, long frames,
                      long stride, long channels) {
    for (long b = 0; b < batch; ++b)
        for (long f = 0; f < frames; ++f)
            for (long c = 0; c < channels; c += LANES) {
                const uint16_t* in = x + (b * frames + f) * channels + c;
                const Floats now = load(in);
                const Floats before = f ? load(in - channels) : Floats{};
                for (long j = 0; j < stride; ++j)
                    store(y + ((b * frames + f) * stride + j) * channels + c,
                          now * load(w + j * channels + c) +
                              before * load(w + (stride + j) * channels + c));
            }
}

void upsample_backward(const uint16_t* gy, const uint16_t* x, const float* w, uint16_t* gx,
                       float* gw, long batch, long frames, long stride, long channels) {
    std::memset(gw, 0, sizeof(float) * 2 * stride * channels);
    for (long b = 0; b < batch; ++b)
        for (long f = 0; f < frames; ++f)
            for (long c = 0; c < channels; c += LANES) {
                const long row = (b * frames + f) * channels + c;
                const Floats here = load(x + row);
                const uint16_t* gradients = gy + (b * frames + f) * stride * channels + c;
                const long taps = f + 1 < frames ? 2 * stride : stride;
                Floats sum = {};
                for (long j = 0; j < taps; ++j) {
                    const Floats gradient = load(gradients + j * channels);
                    sum += gradient * load(w + j * channels + c);
                    store(gw + j * channels + c, load(gw + j * channels + c) + gradient * here);
                }
                store(gx + row, sum);
            }
}

// y = ELU(scale * x)
void elu_forward(const uint16_t* x, uint16_t* y, float scale, long count) {
    for (long i = 0; i < count; ++i) {
        const uint32_t wide = static_cast<uint32_t>(x[i]) << 16;
        float value;
        std::memcpy(&value, &wide, sizeof value);
        value *= scale;
        const float below = expf(value < 0.0f ? value : 0.0f) - 1.0f;
        const float result = value > 0.0f ? value : below;
        uint32_t bits;
        std::memcpy(&bits, &result, sizeof bits);
        y[i] = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
    }
}

// The derivative follows from the output: 1 above zero, y + 1 below. count is a multiple of 8.
void elu_backward(const uint16_t* gy, const uint16_t* y, uint16_t* gx, float scale, long count) {
    for (long i = 0; i < count; i += LANES) {
        const Floats value = load(y + i);
        const Floats slope = value > 0.0f ? Floats{} + 1.0f : value + 1.0f;
        store(gx + i, load(gy + i) * slope * scale);
    }
}

// y = x + gain * branch; count is a multiple of 8, here and below.
void add_branch_forward(const uint16_t* x, const uint16_t* branch, uint16_t* y, float gain,
                        long count) {
    for (long i = 0; i < count; i += LANES) store(y + i, load(x + i) + gain * load(branch + i));
}

void add_branch_backward(const uint16_t* gy, const uint16_t* branch, uint16_t* g_branch,
                         float* g_gain, float gain, long count) {
    double total = 0.0;
    const long chunk = 4096;
    for (long start = 0; start < count; start += chunk) {
        Floats sum = {};
        const long stop = start + chunk < count ? start + chunk : count;
        for (long i = start; i < stop; i += LANES) {
            const Floats gradient = load(gy + i);
            sum += gradient * load(branch + i);
            store(g_branch + i, gain * gradient);
        }
        for (long lane = 0; lane < LANES; ++lane) total += sum[lane];
    }
    *g_gain = static_cast<float>(total);
}

}  // extern "C"
