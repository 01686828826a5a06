// One shower in the calorimeter: a cylinder of cells in perspective, hits as glowing beads.
class Scene {
  static camera = { yaw: 0.6, pitch: 0.3 }; // one for all, so that showers stay comparable
  static SHADES = 40;
  static EYE = 9; // distance of the camera, in radii

  constructor(canvas, geometry, span) {
    Object.assign(this, { canvas, geometry, span, hits: [], peak: 0 });
    this.length = 3.6; // of the cylinder, in radii
  }

  // Hits as places, sizes and layers; the place inside its cell is random, and stays.
  show(voxels) {
    const { n_layers: layers, n_alpha: sectors, r_edges: edges } = this.geometry;
    const rings = edges.length - 1;
    const outer = edges[rings];
    this.hits = [];
    voxels.forEach((energy, voxel) => {
      if (!(energy > 0)) return;
      const [ring, sector] = [voxel % rings, Math.floor(voxel / rings) % sectors];
      const layer = Math.floor(voxel / rings / sectors);
      const [u, v, w] = [1, 2, 3].map((k) => (Math.sin(voxel * 12.9898 * k) * 43758.5453) % 1);
      const r = (edges[ring] + (edges[ring + 1] - edges[ring]) * (0.5 + 0.35 * u)) / outer;
      const alpha = ((sector + 0.5 + 0.35 * v) * 2 * Math.PI) / sectors - Math.PI;
      const x = ((layer + 0.5 + 0.35 * w) / layers - 0.5) * this.length;
      const level = Math.min(Math.max(this.span(energy), 0), 1);
      this.hits.push({ at: [x, r * Math.cos(alpha), r * Math.sin(alpha)], layer, level });
    });
  }

  // Pictures of a bead, one for each shade; drawn anew when the theme changes.
  paint(style, dark) {
    this.dark = dark;
    this.ink = style.getPropertyValue("--soft");
    this.spark = style.getPropertyValue("--ink");
    const shades = style.getPropertyValue("--shades").split(",").map((one) =>
      [1, 3, 5].map((at) => parseInt(one.trim().slice(at, at + 2), 16)));
    const mix = (a, b, part) => a.map((one, k) => Math.round(one + part * (b[k] - one)));
    const rgba = (colour, alpha) => `rgba(${colour}, ${alpha})`;
    this.beads = Array.from({ length: Scene.SHADES }, (_, i) => {
      const bead = document.createElement("canvas");
      bead.width = bead.height = 48;
      const pen = bead.getContext("2d");
      const at = (i / (Scene.SHADES - 1)) * (shades.length - 1);
      const colour = mix(shades[Math.floor(at)], shades[Math.ceil(at)], at % 1);
      const core = mix(colour, [255, 255, 255], dark ? 0.45 : 0.3);
      const glow = pen.createRadialGradient(24, 24, 0, 24, 24, 24);
      const stops = dark
        ? [[0, core, 1], [0.2, colour, 0.9], [0.45, colour, 0.25], [1, colour, 0]]
        : [[0, core, 1], [0.5, colour, 1], [0.72, colour, 0.95], [0.8, colour, 0]];
      for (const [place, shade, alpha] of stops) glow.addColorStop(place, rgba(shade, alpha));
      pen.fillStyle = glow;
      pen.fillRect(0, 0, 48, 48);
      return bead;
    });
  }

  project(width, height) {
    const { yaw, pitch } = Scene.camera;
    const [s, c, t, d] = [Math.sin(yaw), Math.cos(yaw), Math.sin(pitch), Math.cos(pitch)];
    const unit = Math.min(width / 4.7, height / 2.95);
    return ([x, y, z]) => {
      const far = z * c + x * s;
      const size = unit / (1 + (far * d - y * t) / Scene.EYE);
      return [0.54 * width + size * (x * c - z * s), height / 2 - size * (y * d + far * t), size];
    };
  }

  // Draw all that happened before `front`, the layer that the shower has reached.
  draw(front) {
    const { canvas, length } = this;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.globalCompositeOperation = "source-over";
    pen.clearRect(0, 0, width, height);
    const project = this.project(width, height);
    this.outline(pen, project, front);
    pen.globalCompositeOperation = this.dark ? "screen" : "source-over";
    const seen = this.hits.filter(({ layer }) => layer <= front);
    const beads = seen.map((hit) => [hit, ...project(hit.at)]).sort((a, b) => a[3] - b[3]);
    for (const [{ level, layer }, x, y, size] of beads) {
      const fresh = Math.max(0, 1 - (front - layer) / 5);
      const half = size * (0.02 + 0.1 * level ** 2) * (this.dark ? 1.8 : 1.3) * (1 + 0.8 * fresh);
      pen.globalAlpha = Math.min(1, (this.dark ? 0.18 + 0.45 * level ** 1.5 : 0.35 + 0.65 * level) + 0.4 * fresh);
      pen.drawImage(this.beads[Math.round(level * (Scene.SHADES - 1))], x - half, y - half, 2 * half, 2 * half);
    }
    pen.globalAlpha = 1;
  }

  outline(pen, project, front) {
    const line = (...ends) => {
      pen.beginPath();
      for (const end of ends) pen.lineTo(...project(end).slice(0, 2));
      pen.stroke();
    };
    const rim = (x, k) => [x, Math.cos((k * Math.PI) / 32), Math.sin((k * Math.PI) / 32)];
    pen.strokeStyle = this.ink;
    pen.lineWidth = 1;
    const n = 9;
    for (let k = 0; k <= n; ++k) {
      const x = (k / n - 0.5) * this.length;
      const swept = front - (k / n) * this.geometry.n_layers;
      const lit = swept > 0 && swept < 6 ? 0.35 * (1 - swept / 6) : 0;
      pen.globalAlpha = (k === 0 || k === n ? 0.5 : 0.16) + lit;
      line(...Array.from({ length: 65 }, (_, i) => rim(x, i)));
    }
    pen.globalAlpha = 0.28;
    for (const k of [0, 16, 32, 48]) line(rim(-this.length / 2, k), rim(this.length / 2, k));
    // The electron, from the left to the first layer.
    const face = -this.length / 2;
    const tip = face - 0.45 * Math.max(0, Math.min(1, -front / 6));
    pen.strokeStyle = this.spark;
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.85;
    line([face - 0.55, 0, 0], [tip, 0, 0]);
    line([tip - 0.1, 0.055, 0], [tip, 0, 0], [tip - 0.1, -0.055, 0]);
    pen.globalAlpha = 1;
  }
}
