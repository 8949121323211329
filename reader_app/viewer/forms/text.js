// Words: a field in which no key is a shortcut.

export function controls(question, answer, { el, set }) {
  const field = el("textarea", {
    rows: 3, maxlength: question.max_length, "aria-label": question.text, placeholder: "T to write, Esc to leave",
    oninput: () => set(field.value.trim() ? field.value : undefined),
  });
  field.value = answer ?? "";
  return [field];
}
export function refresh(box, question, answer) {
  const field = box.querySelector("textarea");
  if (answer === undefined && field.value.trim()) field.value = "";
}
export function digit() {
  return null;
}
