// One of several options: a button each, and a digit takes it and goes on. Those of a scale may
// stand as numbers in a row, with the label of the chosen one (or of the one pointed at) below.

// Where one digit is not enough, all have two.
const numbered = (index, many) => String(index + 1).padStart(many > 10 ? 2 : 1, "0");

export function group({ text, options, scale }, answers, role, { el, choose }) {
  const box = el("div", { role: role === "radio" ? "radiogroup" : "group", "aria-label": text, class: "options" });
  const buttons = options.map((label, index) => el("button", {
    type: "button", class: "option", role, tabindex: -1, onclick: () => choose(index + 1),
    onpointerenter: () => tell(box, index), onpointerleave: () => tell(box),
    onfocus: () => tell(box, index), onblur: () => tell(box),
  }, el("kbd", {}, numbered(index, options.length)), el("span", {}, label)));
  box.append(...buttons);
  if (scale === "ordinal") {
    box.classList.add("scale");
    // A scale of which only the ends have a name.
    box.classList.toggle("bare", options.slice(1, -1).includes(""));
    const ends = el("span", { class: "ends" }, el("span", {}, options[0]), el("span", {}, options.at(-1)));
    const labels = options.map((label) => el("span", {}, label));
    box.append(el("div", { class: "caption", "aria-hidden": "true" }, ends, ...labels));
  }
  check(box, answers);
  return box;
}
const chosen = (option) => option.getAttribute("aria-checked") === "true";

function check(box, answers) {
  const options = [...box.querySelectorAll(".option")];
  options.forEach((option, index) => option.setAttribute("aria-checked", String(answers.includes(index + 1))));
  // One of them is where Tab leads: the one in focus, else the first that is chosen.
  const focused = options.find((option) => option === box.getRootNode().activeElement);
  const stop = focused ?? options.find(chosen) ?? options[0];
  options.forEach((option) => { option.tabIndex = option === stop ? 0 : -1; });
  tell(box);
}
// Show one label below the numbers: that asked for, else the chosen one, else those of the ends.
function tell(box, index = null) {
  const captions = [...box.querySelectorAll(".caption > span")];
  const place = 1 + (index ?? [...box.querySelectorAll(".option")].findIndex(chosen));
  const shown = captions[place]?.textContent ? place : 0;
  captions.forEach((caption, at) => caption.classList.toggle("shown", at === shown));
}

export function controls(question, answer, tools) {
  return [group(question, [answer], "radio", tools)];
}
export function refresh(box, question, answer) {
  check(box.querySelector(".options"), [answer].flat());
}
export function digit({ options }, answer, value) {
  return value <= options.length ? { answer: value, done: true } : null;
}
