// A place on a line between the ends of a scale.

const UNANSWERED = "–";

const middle = ([low, high]) => (low + high) / 2;
const step = ([low, high]) => (high - low) / 100;
const exact = (value) => Number(value.toPrecision(9)); // 0.1 + 0.2 is 0.3

export function controls({ text, low, high, ends }, answer, { el, set }) {
  const take = () => set(Number(slider.value));
  const slider = el("input", {
    type: "range", min: ends[0], max: ends[1], step: step(ends), "aria-label": text, oninput: take, onpointerup: take,
  });
  const box = el("div", { class: "line" }, slider, el("output"), el("span", {}, low), el("span", {}, high),
    el("small", {}, `← → by ${step(ends)}, with Shift by ${10 * step(ends)}`));
  show(box, ends, answer);
  return [box];
}
function show(box, ends, answer) {
  const slider = box.querySelector("input");
  slider.value = answer ?? middle(ends);
  slider.setAttribute("aria-valuetext", answer ?? "not answered");
  slider.classList.toggle("untouched", answer === undefined);
  box.querySelector("output").textContent = answer ?? UNANSWERED;
}
export function refresh(box, { ends }, answer) {
  show(box, ends, answer);
}
export function digit({ ends }, answer, value) {
  return { answer: exact(ends[0] + 10 * value * step(ends)) };
}
export function slide({ ends }, answer, steps) {
  const moved = (answer ?? middle(ends)) + steps * step(ends);
  return exact(Math.min(ends[1], Math.max(ends[0], moved)));
}
