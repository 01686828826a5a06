// Enough of CUDA to run a kernel on a CPU: blocks one after the other, threads in turn.
//
// A thread of a block runs until a barrier or its end, then the next one does. What one thread
// writes and another reads without a barrier between them is therefore seen too early or too
// late, and always in the same way.

#include <math.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <tuple>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__
#define __forceinline__ inline
#define __launch_bounds__(threads)

struct Place {
    int x;
};
struct int2 {
    int x, y;
};
struct int4 {
    int x, y, z, w;
};
struct uint2 {
    unsigned x, y;
};
struct uint4 {
    unsigned x, y, z, w;
};

Place threadIdx, blockIdx, blockDim;
unsigned state[58112];

inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline float __int_as_float(int bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

namespace threads {

struct Thread {
    ucontext_t place;
    std::vector<char> stack = std::vector<char>(1 << 16);
    bool ended = false;
};

ucontext_t scheduler;
std::vector<Thread> all;
std::function<void()> body;

void live()
{
    body();
    all[threadIdx.x].ended = true;
}

void go_on(int number)
{
    threadIdx.x = number;
    if (!all[number].ended)
        swapcontext(&scheduler, &all[number].place);
}

void run_block()
{
    all.assign(blockDim.x, {});
    for (auto &thread : all) {
        getcontext(&thread.place);
        thread.place.uc_stack.ss_sp = thread.stack.data();
        thread.place.uc_stack.ss_size = thread.stack.size();
        thread.place.uc_link = &scheduler;
        makecontext(&thread.place, live, 0);
    }
    while (!all[0].ended)
        for (int number = 0; number < blockDim.x; ++number)
            go_on(number);
}

template <class... A, size_t... I>
std::function<void()> bind(void (*kernel)(A...), void **arguments, std::index_sequence<I...>)
{
    return [=] { kernel(*(A *)arguments[I]...); };
}

}  // namespace threads

inline void __syncthreads()
{
    if (blockDim.x > 1)
        swapcontext(&threads::all[threadIdx.x].place, &threads::scheduler);
}

template <class... A>
void run(void (*kernel)(A...), int blocks, int threads_per_block, void **arguments)
{
    threads::body = threads::bind(kernel, arguments, std::index_sequence_for<A...>{});
    blockDim.x = threads_per_block;
    threadIdx.x = 0;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x)
        if (blockDim.x > 1)
            threads::run_block();
        else
            threads::body();
}
