// Showers from the compiled core: a module and weights in, voxels [MeV] out. See calo4pqvae.h.
class Generator {
  // Compile the module and load the weights, each as bytes.
  static async open(module, weights) {
    const { exp, log, log1p, cos, sin } = Math;
    const env = { exp, log, log1p, cos, sin };
    const { instance } = await WebAssembly.instantiate(module, { env });
    return new Generator(instance.exports, weights);
  }

  constructor(core, weights) {
    this.core = core;
    const place = core.malloc(8);
    this.check(core.calo4pqvae_load_bytes(this.put(weights), weights.length, place));
    const [model] = this.see(Uint32Array, place, 1);
    const facts = core.malloc(64);
    this.check(core.calo4pqvae_describe(model, facts));
    const [layers, sectors, rings, voxels, nodes, uniforms] = this.see(Int32Array, facts, 6);
    const [threshold, lowest, highest] = this.see(Float32Array, facts + 28, 3);
    this.facts = { layers, sectors, rings, voxels, nodes, uniforms, threshold, lowest, highest };
    this.check(core.calo4pqvae_open(model, place));
    [this.worker] = this.see(Uint32Array, place, 1);
    this.places = {
      energy: core.malloc(4), bits: core.malloc(nodes),
      uniforms: core.malloc(4 * uniforms), voxels: core.malloc(4 * voxels),
    };
  }

  // A shower of an incident energy [MeV]: the one of this number, of all that a seed defines.
  draw(energy, seed, number, sweeps = -1) {
    const { energy: at, voxels } = this.places;
    this.see(Float32Array, at, 1)[0] = energy;
    this.check(
      this.core.calo4pqvae_draw(this.worker, 1, at, BigInt(seed), BigInt(number), sweeps, voxels, 0),
    );
    return this.see(Float32Array, voxels, this.facts.voxels).slice();
  }

  // A shower for given bits of the machine, from given numbers in (0, 1).
  decode(energy, bits, uniforms) {
    const at = this.places;
    this.see(Float32Array, at.energy, 1)[0] = energy;
    this.see(Uint8Array, at.bits, bits.length).set(bits);
    this.see(Float32Array, at.uniforms, uniforms.length).set(uniforms);
    this.check(this.core.calo4pqvae_decode(
      this.worker, 1, at.energy, at.bits, at.uniforms, 0n, 0n, at.voxels,
    ));
    return this.see(Float32Array, at.voxels, this.facts.voxels).slice();
  }

  see(Numbers, place, n) {
    return new Numbers(this.core.memory.buffer, place, n);
  }

  put(bytes) {
    const place = this.core.malloc(bytes.length);
    this.see(Uint8Array, place, bytes.length).set(bytes);
    return place;
  }

  check(code) {
    if (code === 0) return;
    const start = this.core.calo4pqvae_text(code);
    const text = this.see(Uint8Array, start, 200);
    throw new Error(new TextDecoder().decode(text.slice(0, text.indexOf(0))));
  }
}
