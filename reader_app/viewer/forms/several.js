// Any number of options: a digit ticks one, or takes the tick away.

import { buttons } from "./options.js";

export { refresh } from "./options.js";
export function controls(question, answer = [], tools) {
  return buttons(question, answer, "checkbox", tools);
}
export function digit({ options }, answer = [], value) {
  if (value > options.length) return null;
  const next = answer.includes(value) ? answer.filter((one) => one !== value) : [...answer, value];
  return { answer: next.length ? next.sort((a, b) => a - b) : undefined };
}
