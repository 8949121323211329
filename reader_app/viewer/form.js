// The questions of one case: drawn, answered by mouse or keys, kept as a draft until submitted.

// Texts become text nodes, so that nothing in a design or an answer is ever read as HTML.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

// How each question is drawn and what keys do to it is told by the module that its `form` names:
//   controls(question, answer, { el, set, choose })  the elements that show an answer
//   refresh(box, question, answer)                   another answer in the same elements
//   digit(question, answer, value)                   { answer, done } after a digit, or null
//   slide(question, answer, steps)                   where ← and → move the answer
export class Form {
  constructor(host, changed) {
    Object.assign(this, { host, changed, questions: [], answers: {}, active: 0 });
  }

  async load(questions) {
    this.forms = await Promise.all(questions.map(({ form }) => import(form)));
  }
  show(questions, token, earlier) {
    this.questions = questions;
    this.key = `draft-${token}`;
    this.answers = { ...earlier, ...JSON.parse(sessionStorage.getItem(this.key) ?? "{}") };
    this.boxes = questions.map((question, place) => this.box(question, place));
    this.host.replaceChildren(...this.boxes);
    this.active = Math.max(0, questions.findIndex((question) => !this.answered(question)));
    this.mark();
    this.changed();
  }
  static forget(token) {
    sessionStorage.removeItem(`draft-${token}`);
  }

  box(question, place) {
    const title = el("legend", {}, question.text);
    if (!question.required) title.append(el("small", {}, " (optional)"));
    const box = el("fieldset", { "data-question": question.name, tabindex: -1 }, title);
    box.addEventListener("pointerdown", () => this.activate(place));
    box.addEventListener("focusin", () => this.activate(place));
    box.append(...this.controls(question, place));
    return box;
  }
  controls(question, place) {
    return this.forms[place].controls(question, this.answers[question.name], {
      el,
      set: (answer) => this.set(question, answer),
      choose: (value) => { this.activate(place); this.choose(value); },
    });
  }

  // What a digit does to the active question; the next one without an answer may then be active.
  choose(value) {
    const question = this.questions[this.active];
    const chosen = this.forms[this.active].digit(question, this.answers[question.name], value);
    if (!chosen) return;
    this.set(question, chosen.answer);
    const next = this.questions.findIndex((other, place) => place > this.active && !this.answered(other));
    if (chosen.done && next >= 0) this.activate(next);
  }
  // Move the answer of the active question; tells whether it has one that moves.
  slide(steps) {
    const question = this.questions[this.active];
    const slide = this.forms[this.active].slide;
    if (slide) this.set(question, slide(question, this.answers[question.name], steps));
    return Boolean(slide);
  }
  takeBack() {
    this.set(this.questions[this.active], undefined);
  }
  leave(field) {
    this.left = this.active;
    field.blur();
  }
  write() {
    const texts = this.boxes.map((box, place) => (box.querySelector("textarea") ? place : -1));
    const place = texts.includes(this.active) ? this.active : texts.find((one) => one >= 0);
    if (place !== undefined) this.boxes[place].querySelector("textarea").focus();
  }

  set(question, answer) {
    if (answer === undefined) delete this.answers[question.name];
    else this.answers[question.name] = answer;
    sessionStorage.setItem(this.key, JSON.stringify(this.answers));
    this.refresh(question);
    this.changed();
  }
  // The controls stay the same elements, so that focus and a drag in progress survive.
  refresh(question) {
    const place = this.questions.findIndex(({ name }) => question.name === name);
    this.forms[place].refresh(this.boxes[place], question, this.answers[question.name]);
  }

  // To another question; false at either end, where the focus may leave the form.
  move(step) {
    const place = this.active + step;
    // A text field that an answer led to is entered first, unless it was left by Escape.
    const field = this.boxes[this.active]?.querySelector("textarea");
    if (field && step > 0 && field.getRootNode().activeElement !== field && this.left !== this.active) {
      field.focus();
      return true;
    }
    if (place < 0 || place >= this.questions.length) return false;
    (this.boxes[place].querySelector("textarea") ?? this.boxes[place]).focus({ preventScroll: true });
    this.activate(place);
    return true;
  }
  activate(place) {
    if (place !== this.active) this.left = null;
    this.active = place;
    this.mark();
  }
  mark() {
    this.boxes.forEach((box, place) => box.classList.toggle("active", place === this.active));
    this.boxes[this.active]?.scrollIntoView({ block: "nearest" });
  }

  answered(question) {
    return this.answers[question.name] !== undefined;
  }
  missing() {
    return this.questions.filter((question) => question.required && !this.answered(question));
  }
}
