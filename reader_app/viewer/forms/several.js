// Any number of options: a digit ticks one, or takes the tick away.

import { group } from "./options.js";

export { refresh } from "./options.js";
export function controls(question, answer = [], tools) {
  return [group(question, answer, "checkbox", tools)];
}
// The exclusive option takes all other ticks away, and any other option the exclusive one's.
export function digit({ options, exclusive }, answer = [], value) {
  if (value > options.length) return null;
  const alone = options.indexOf(exclusive) + 1;
  const kept = answer.filter((one) => one !== value && one !== alone && value !== alone);
  const next = answer.includes(value) ? kept : [...kept, value];
  return { answer: next.length ? next.sort((a, b) => a - b) : undefined };
}
