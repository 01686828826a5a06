// Energy in each layer: the model's as an area, Geant4's as steps.
function drawProfile(canvas, style, ours, theirs, front) {
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const colour = (name) => style.getPropertyValue(name);
  const [left, right, top, bottom] = [52, 8, 12, 40];
  const highest = Math.max(...ours, ...theirs, 1e-9) * 1.06;
  const n = ours.length;
  const x = (layer) => left + (layer / n) * (width - left - right);
  const y = (energy) => height - bottom - (energy / highest) * (height - top - bottom);
  pen.font = `12px ${style.fontFamily}`;
  pen.fillStyle = colour("--soft");
  pen.strokeStyle = colour("--line");
  pen.lineWidth = 1;
  const power = 10 ** Math.floor(Math.log10(highest / 2));
  const step = [1, 2, 5, 10].map((m) => m * power).find((one) => highest / one < 4.5);
  pen.textAlign = "right";
  for (let tick = 0; tick < highest; tick += step) {
    pen.beginPath();
    pen.moveTo(left, y(tick));
    pen.lineTo(width - right, y(tick));
    pen.stroke();
    pen.fillText(String(+(tick / 1e3).toPrecision(3)), left - 8, y(tick) + 4);
  }
  pen.textAlign = "center";
  for (let layer = 0; layer < n; layer += 5) pen.fillText(layer, x(layer + 0.5), height - bottom + 17);
  pen.fillText("layer", (left + width) / 2, height - 5);
  pen.save();
  pen.translate(12, (height - bottom + top) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText("GeV", 0, 0);
  pen.restore();

  const reached = Math.max(0, Math.min(n, Math.floor(front) + 1));
  const steps = (energies, start) => {
    pen.beginPath();
    if (start) pen.moveTo(x(0), y(0));
    for (let k = 0; k < reached; ++k) {
      pen.lineTo(x(k), y(energies[k]));
      pen.lineTo(x(k + 1), y(energies[k]));
    }
  };
  if (!reached) return;
  pen.fillStyle = pen.strokeStyle = colour("--ours");
  steps(ours, true);
  pen.lineTo(x(reached), y(0));
  pen.globalAlpha = 0.22;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = 2;
  pen.lineJoin = "round";
  steps(ours, false);
  pen.stroke();
  if (!theirs.length) return;
  pen.strokeStyle = colour("--theirs");
  pen.setLineDash([5, 3]);
  steps(theirs, false);
  pen.stroke();
}
