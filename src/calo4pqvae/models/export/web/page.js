// Controls: choose an energy, draw a shower, let it run through the layers.
(async () => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const find = (selector) => document.querySelector(selector);
  const write = (selector, words) => { find(selector).textContent = words; };
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const { geometry, energies: offered, levels, largest } = data;
  const { n_layers: nLayers, n_alpha: nAlpha, r_edges: edges, threshold } = geometry;
  const inLayer = nAlpha * (edges.length - 1);
  const [START, SECONDS] = [-8, 1.9];
  const span = (energy) => Math.log(energy / threshold) / Math.log(2e4 / threshold);
  const scenes = ["model", "geant4"].map((id) => new Scene(find(`#${id}`), geometry, span));
  const profiles = [new Float64Array(nLayers), []];
  let [front, began, frame, drawn] = [nLayers, 0, 0, 0];

  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  async function unzip(text) {
    const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  // A kept shower of Geant4: steps from hit to hit, and levels of energy.
  function unpack({ steps, levels: kept }) {
    const shower = new Float32Array(nLayers * inLayer);
    const level = bytes(kept);
    let [at, n] = [-1, 0];
    for (const step of bytes(steps)) {
      at += step || 255;
      if (step) shower[at] = threshold * (largest / threshold) ** (level[n++] / levels);
    }
    return shower;
  }

  function profile(voxels) {
    const sums = new Float64Array(nLayers);
    voxels.forEach((energy, voxel) => { sums[Math.floor(voxel / inLayer)] += energy; });
    return sums;
  }

  const number = (value) => {
    const digits = value < 1000 ? +value.toPrecision(3) : Math.round(value);
    return digits.toLocaleString("en");
  };

  // Numbers below a shower; what they say stands in its picture's label, too.
  function describe(side, name, voxels) {
    const box = find(side);
    const total = voxels.reduce((sum, one) => sum + one, 0) / 1e3;
    const hits = voxels.reduce((n, one) => n + (one > 0), 0);
    const peak = profile(voxels).reduce((best, e, k, all) => (e > all[best] ? k : best), 0);
    box.querySelector(".sum").textContent = `${number(total)} GeV`;
    box.querySelector(".hits").textContent = number(hits);
    box.querySelector(".depth").textContent = hits ? peak : "–";
    const words = `${number(total)} GeV in ${number(hits)} cells, most in layer ${peak}`;
    box.querySelector("canvas").setAttribute("aria-label", `${name}: ${words}`);
    return words;
  }

  function render(now) {
    frame = 0;
    if (began) {
      front = START + ((now - began) / 1e3 / SECONDS) * (nLayers - START + 6);
      if (front >= nLayers + 6) began = 0;
      else frame = requestAnimationFrame(render);
    }
    const style = getComputedStyle(document.documentElement);
    for (const scene of scenes) scene.draw(front);
    drawProfile(find("#profile"), style, ...profiles, front);
  }
  const refresh = () => { frame ||= requestAnimationFrame(render); };

  function play() {
    began = still.matches ? 0 : performance.now();
    front = nLayers + 6;
    refresh();
  }

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const dark = document.documentElement.dataset.theme === "dark";
    for (const scene of scenes) scene.paint(style, dark);
    refresh();
  }

  let generator = null;
  const seed = crypto.getRandomValues(new Uint32Array(1))[0];

  function shower() {
    const { gev, showers } = offered[+find("#energy").value];
    const geant4 = showers.length ? showers[drawn % showers.length] : null;
    const energy = geant4 ? geant4.mev : gev * 1e3;
    const start = performance.now();
    const voxels = generator.draw(energy, seed, drawn++);
    const time = performance.now() - start;
    scenes[0].show(voxels);
    profiles[0] = profile(voxels);
    const ours = describe(".ours", "Shower of the model", voxels);
    const kept = geant4 ? unpack(geant4) : new Float32Array(0);
    scenes[1].show(kept);
    profiles[1] = geant4 ? profile(kept) : [];
    const theirs = describe(".theirs", "Shower of Geant4", kept);
    write("#time", `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`);
    write("#which", geant4
      ? `${(drawn - 1) % showers.length + 1} of ${showers.length} at this energy`
      : "none of this energy here");
    const both = geant4 ? ` Geant4: ${theirs}.` : "";
    write("#news", `${gev} GeV. Model: ${ours}.${both}`);
    find("#profile").setAttribute("aria-label", `Energy in each layer. Model: ${ours}.${both}`);
    document.body.dataset.milliseconds = time;
    play();
  }

  function label() {
    const words = `${number(offered[+find("#energy").value].gev)} GeV`;
    write("#gev", words);
    find("#energy").setAttribute("aria-valuetext", words);
  }

  function turn(yaw, pitch) {
    Scene.camera.yaw += yaw;
    Scene.camera.pitch = Math.max(-1.2, Math.min(1.2, Scene.camera.pitch + pitch));
    refresh();
  }
  const KEYS = { ArrowLeft: [-0.12, 0], ArrowRight: [0.12, 0], ArrowUp: [0, 0.12], ArrowDown: [0, -0.12] };
  for (const { canvas } of scenes) {
    canvas.addEventListener("pointerdown", (event) => canvas.setPointerCapture(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons) turn(event.movementX * 0.008, event.movementY * 0.006);
    });
    canvas.addEventListener("keydown", (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      turn(...KEYS[event.key]);
    });
  }

  const slider = find("#energy");
  slider.max = offered.length - 1;
  const usual = offered.findIndex(({ gev, showers }) => gev >= 50 && showers.length);
  slider.value = usual < 0 ? Math.floor(offered.length / 2) : usual;
  write("#low", `${offered[0].gev} GeV`);
  write("#high", `${number(offered.at(-1).gev)} GeV`);
  write(".n-layers", nLayers);
  write(".n-cells", inLayer);
  write("#origin", `${data.generator}, model ${data.model}`);
  label();
  document.addEventListener("theme", paint);
  new ResizeObserver(refresh).observe(find(".scene"));
  paint();
  try {
    generator = await Generator.open(await unzip(data.module), await unzip(data.weights));
    generator.draw(generator.facts.lowest, 0, 0); // browsers compile while they run
  } catch (error) {
    write("#time", "nothing: this browser lacks what it takes");
    write("#news", `No shower can be drawn: ${error.message}`);
    return;
  }
  slider.addEventListener("input", () => { label(); shower(); });
  find(".controls").addEventListener("submit", (event) => event.preventDefault());
  find("#another").addEventListener("click", shower);
  find("#replay").addEventListener("click", play);
  for (const button of document.querySelectorAll(".buttons button")) button.disabled = false;
  window.calo4pqvae = generator;
  shower();
})();
