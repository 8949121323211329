// One of several options: a button each, and a digit takes it and goes on.

export function buttons({ options }, answers, role, { el, choose }) {
  return options.map((label, index) => el("button", {
    type: "button", class: "option", tabindex: -1, role,
    "aria-checked": String(answers.includes(index + 1)), onclick: () => choose(index + 1),
  }, el("kbd", {}, String(index + 1)), el("span", {}, label)));
}
export function controls(question, answer, tools) {
  return buttons(question, [answer], "radio", tools);
}
export function refresh(box, question, answer) {
  box.querySelectorAll(".option").forEach((option, index) =>
    option.setAttribute("aria-checked", String([answer].flat().includes(index + 1))));
}
export function digit({ options }, answer, value) {
  return value <= options.length ? { answer: value, done: true } : null;
}
