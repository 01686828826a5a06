// Block Gibbs sweeps of a tile of chains, one tile per thread block.
//
// A tile is LANES chains side by side (4, 8, 16 or 32; set by the compiler's options). A node's
// state in all of them is one word of shared memory, where the states stay for all sweeps. A
// thread draws one node at a time in all lanes, with their fields in registers. `boltzmann.samplers.cuda.sampler`
// prepares the arguments and says what a sweep costs.
//
// Random numbers are Philox4x32-10 (Salmon et al., SC11, 2011) of (node, sweep, quad of chains,
// purpose), so that neither threads nor tiles nor the number of chains change them.

using Fields = float[LANES];

enum Purpose : unsigned { SWEEP, COIN };

// Lanes begin to end are in use; lane 0 would be row `row` of the request, chain `number` of all.
struct Tile {
    long long row, number;
    int begin, end;
};

__device__ __forceinline__ uint4 philox(uint4 c, uint2 key)
{
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        unsigned long long a = 0xD2511F53ull * c.x, b = 0xCD9E8D57ull * c.z;
        c = make_uint4((unsigned)(b >> 32) ^ c.y ^ key.x, (unsigned)b,
                       (unsigned)(a >> 32) ^ c.w ^ key.y, (unsigned)a);
        key.x += 0x9E3779B9u;
        key.y += 0xBB67AE85u;
    }
    return c;
}

// Toss a coin for a node in every chain; 128 chains share one call of the generator.
__device__ __forceinline__ unsigned coins(int node, long long number, uint2 key)
{
    uint4 u = philox(make_uint4(node, 0, (unsigned)(number >> 7), COIN), key);
    unsigned upper = number >> 6 & 1, lower = number >> 5 & 1;
    unsigned word = upper ? (lower ? u.w : u.z) : (lower ? u.y : u.x);
    return word >> (number & 31);
}

// Take the clamped nodes as given, the others from the start or, if there is none, at random.
__device__ __forceinline__ void load(
    unsigned *state, const bool *start, const bool *clamped, Tile tile, int nodes,
    int clamped_nodes, uint2 key)
{
    for (int node = threadIdx.x; node < nodes; node += blockDim.x) {
        bool is_clamped = node < clamped_nodes;
        const bool *from = is_clamped ? clamped : start;
        int width = is_clamped ? clamped_nodes : nodes;
        unsigned word = from ? 0 : coins(node, tile.number, key);
        if (from) {
            from += (tile.row + tile.begin) * width + node;
            for (int lane = tile.begin; lane < tile.end; ++lane, from += width)
                word |= (unsigned)*from << lane;
        }
        state[node] = word;
    }
}

__device__ __forceinline__ void store(
    const unsigned *state, bool *states, Tile tile, int nodes)
{
    for (int node = threadIdx.x; node < nodes; node += blockDim.x) {
        unsigned word = state[node] >> tile.begin;
        bool *to = states + (tile.row + tile.begin) * nodes + node;
        for (int lane = tile.begin; lane < tile.end; ++lane, to += nodes, word >>= 1)
            *to = word & 1;
    }
}

__device__ __forceinline__ void set_biases(
    Fields &field, const float *__restrict__ bias, int nodes, bool per_chain)
{
#pragma unroll
    for (int lane = 0; lane < LANES; ++lane)
        field[lane] = *bias;
    if (!per_chain)
        return;
#pragma unroll
    for (int lane = 1; lane < LANES; ++lane)
        field[lane] = *(bias += nodes);
}

__device__ __forceinline__ void add_where(Fields &field, unsigned up, float weight)
{
#pragma unroll
    for (int lane = 0; lane < LANES; ++lane)
        if (up >> lane & 1)
            field[lane] += weight;
}

// Add the couplings of neighbours that are up. An entry is two neighbours with their weights;
// the entry after the last one is read, but not used.
__device__ __forceinline__ void add_neighbours(
    Fields &field, const int4 *__restrict__ entry, int stride, int entries,
    const unsigned *state)
{
    int4 next = *entry;
    unsigned left = state[next.x], right = state[next.z];
    for (int k = 0; k < entries; ++k) {
        int4 now = next;
        unsigned here = left, there = right;
        next = *(entry += stride);
        left = state[next.x], right = state[next.z];
        add_where(field, here, __int_as_float(now.y));
        add_where(field, there, __int_as_float(now.w));
    }
}

// Up if u (1 + e^-f) <= 1 for u = noise / 2^32; the field holds -f in units of ln 2.
__device__ __forceinline__ bool is_up(float field, unsigned noise)
{
    float u = (float)noise;
    return fmaf(u, exp2f(field), u) <= 4294967296.0f;
}

__device__ __forceinline__ unsigned draw(const Fields &field, uint4 counter, uint2 key)
{
    unsigned up = 0;
#pragma unroll
    for (int lane = 0; lane < LANES; lane += 4) {
        uint4 u = philox(counter, key);
        ++counter.z;
        if (is_up(field[lane], u.x)) up |= 1u << lane;
        if (is_up(field[lane + 1], u.y)) up |= 2u << lane;
        if (is_up(field[lane + 2], u.z)) up |= 4u << lane;
        if (is_up(field[lane + 3], u.w)) up |= 8u << lane;
    }
    return up;
}

// A column is a free node and the number of its entries; ends[p - 1] and ends[p] enclose the
// columns of partition p. Entries are stored column by column, so that a warp reads them
// side by side. Biases and weights are those of the problem times -1 / ln 2.
extern "C" __global__ void __launch_bounds__(MOST_THREADS) sweep_chains(
    const int4 *__restrict__ entries, const int2 *__restrict__ columns,
    const int *__restrict__ ends, const float *__restrict__ bias, const bool *start,
    const bool *clamped, bool *states, long long chains, long long first, int nodes,
    int clamped_nodes, int partitions, int bias_per_chain, unsigned key0, unsigned key1, unsigned sweeps)
{
    extern __shared__ unsigned state[];
    Tile tile;
    tile.number = (first / LANES + blockIdx.x) * LANES;
    tile.row = tile.number - first;
    tile.begin = tile.row < 0 ? (int)-tile.row : 0;
    tile.end = tile.row + LANES > chains ? (int)(chains - tile.row) : LANES;
    uint2 key = make_uint2(key0, key1);
    unsigned quad = (unsigned)(tile.number / 4);
    if (bias_per_chain)
        bias += (long long)blockIdx.x * LANES * nodes;

    load(state, start, clamped, tile, nodes, clamped_nodes, key);
    __syncthreads();
    for (unsigned sweep = 0; sweep < sweeps; ++sweep)
        for (int p = 1; p < partitions; ++p) {
            for (int i = ends[p - 1] + threadIdx.x; i < ends[p]; i += blockDim.x) {
                int node = columns[i].x;
                Fields field;
                set_biases(field, bias + node, nodes, bias_per_chain);
                add_neighbours(field, entries + i, ends[partitions - 1], columns[i].y, state);
                uint4 counter = make_uint4(node, sweep, quad, SWEEP);
                state[node] = draw(field, counter, key);
            }
            __syncthreads();
        }
    store(state, states, tile, nodes);
}
