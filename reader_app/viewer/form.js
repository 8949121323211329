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

// What a digit can name by itself; longer lists take two digits.
const ONE_DIGIT = 10;
// How much of the options is shown, the first that fits: all labels; numbers in a row and the
// labels of the marked question below all; numbers in a row.
const DENSITIES = ["labels", "key", "numbers"];

// How each question is drawn and what keys do to it is told by the module that its `form` names:
//   controls(question, answer, { el, set, choose })  the elements that show an answer
//   refresh(box, question, answer)                   another answer in the same elements
//   digit(question, answer, value, box)              { answer, done } after a number typed, or null
//   slide(question, answer, steps)                   where ← and → move the answer
//   back(question, answer)                           what Backspace leaves of the answer, else nothing
//   keys                                             acts on the box, by the names in keys.js
// A form whose answers are places reaches the volume by `image`, also in what `controls` gets:
//   view(), sides()  what is looked at, and how many volumes
//   look(voxel)      move the crosshair there, or with null draw anew
//   draw(drawing)    let it have shapes(view) over the image (see ink.js), and drawing() after each
//   mode(mode)       give the pointer to a mode (see overlay.js), or with null back; marking() has it
export class Form {
  constructor(host, changed, image) {
    Object.assign(this, { host, changed, image, questions: [], answers: {}, boxes: [], active: 0 });
    new ResizeObserver(() => this.fit()).observe(host);
  }

  async load(questions) {
    this.forms = await Promise.all(questions.map(({ form }) => import(form)));
  }
  show(questions, token, earlier) {
    this.questions = questions;
    this.key = `draft-${token}`;
    this.answers = { ...earlier, ...JSON.parse(sessionStorage.getItem(this.key) ?? "{}") };
    this.boxes = questions.map((question, place) => this.box(question, place));
    this.labels = this.boxes.map((box, place) => this.labelsOf(box, questions[place]));
    const key = el("div", { class: "key", "aria-hidden": "true" }, ...this.labels);
    this.host.replaceChildren(...this.boxes, key);
    this.active = Math.max(0, questions.findIndex((question) => !this.answered(question)));
    this.fit();
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
      image: this.image,
      set: (answer) => this.set(question, answer),
      choose: (value) => { this.activate(place); this.choose(value); },
    });
  }
  // The labels of a scale once more, for where its own elements show numbers only.
  labelsOf(box, question) {
    const names = [...box.querySelectorAll(".scale kbd")].map((kbd) => kbd.textContent);
    return el("ul", {}, ...names.map((name, index) =>
      el("li", { onclick: () => this.choose(index + 1) }, el("kbd", {}, name), el("span", {}, question.options[index]))));
  }
  fit() {
    for (const density of DENSITIES) {
      this.host.dataset.density = density;
      if (this.host.scrollHeight <= this.host.clientHeight) break;
    }
    this.boxes[this.active]?.scrollIntoView({ block: "nearest" });
  }

  get heading() {
    return this.boxes[this.active].firstElementChild;
  }
  // A digit, which names an option of the active question or is the first of two that do.
  type(digit) {
    const many = this.questions[this.active].options.length;
    if (many <= ONE_DIGIT) return this.choose(digit || 10);
    const { typed } = this.heading.dataset;
    if (typed === undefined) {
      if (10 * digit <= many) this.heading.dataset.typed = digit;
      return;
    }
    const value = 10 * Number(typed) + digit;
    delete this.heading.dataset.typed;
    if (value) this.choose(value);
  }
  // Option or place `value` of the active question; the next one without an answer is then active.
  choose(value) {
    const question = this.questions[this.active];
    const chosen = this.forms[this.active].digit(question, this.answers[question.name], value, this.boxes[this.active]);
    if (!chosen) return;
    this.set(question, chosen.answer);
    const next = this.questions.findIndex((other, place) => place > this.active && !this.answered(other));
    if (chosen.done && next >= 0) {
      this.activate(next);
      this.focus();
    }
  }
  // ← and →: among options if one has the focus, on a line if it is the active question's. Tells
  // whether there was something to move.
  aside(steps) {
    const question = this.questions[this.active];
    const option = this.host.getRootNode().activeElement?.closest(".option");
    const { slide } = this.forms[this.active];
    if (option) this.rove(option, steps);
    else if (slide) this.set(question, slide(question, this.answers[question.name], steps));
    return Boolean(option ?? slide);
  }
  rove(option, steps) {
    const options = [...this.boxes[this.active].querySelectorAll(".option")];
    const place = Math.min(options.length - 1, Math.max(0, options.indexOf(option) + steps));
    options.forEach((other, index) => { other.tabIndex = index === place ? 0 : -1; });
    options[place].focus();
    if (option.getAttribute("role") !== "radio") return;
    const question = this.questions[this.active];
    const chosen = this.forms[this.active].digit(question, this.answers[question.name], place + 1, this.boxes[this.active]);
    if (chosen) this.set(question, chosen.answer);
  }
  takeBack() {
    const question = this.questions[this.active];
    const left = this.forms[this.active].back?.(question, this.answers[question.name]);
    if (this.heading.dataset.typed === undefined) this.set(question, left);
    delete this.heading.dataset.typed;
  }
  write() {
    const texts = this.boxes.map((box, place) => (box.querySelector("textarea") ? place : -1));
    const place = texts.includes(this.active) ? this.active : texts.find((one) => one >= 0);
    if (place !== undefined) this.boxes[place].querySelector("textarea").focus();
  }
  // A key that is there for places: it acts on the active question, else on the first that has it.
  act(name) {
    const places = this.forms.map(({ keys }, place) => (keys?.[name] ? place : -1));
    const place = places.includes(this.active) ? this.active : places.find((one) => one >= 0);
    if (place === undefined) return;
    this.activate(place);
    this.forms[place].keys[name](this.boxes[place]);
  }
  leave() {
    this.focus();
    this.left = this.active;
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

  // The marked question has the focus as a whole, so that letters and arrows look at the volume.
  focus() {
    this.boxes[this.active]?.focus({ preventScroll: true });
  }
  // Tab from a question that is marked as a whole leads to the next one; tells whether it did. A
  // text field or a list of marks is entered first, unless it was just left by Escape.
  passOver(target) {
    const place = this.boxes.indexOf(target);
    if (place < 0 || (target.querySelector("textarea, .marks") && this.left !== place)) return false;
    const controls = this.boxes[place + 1]?.querySelectorAll("button, input, select, textarea") ?? [];
    const stop = [...controls].find(({ tabIndex }) => tabIndex === 0);
    stop?.focus();
    return Boolean(stop);
  }
  activate(place) {
    if (place !== this.active) {
      this.left = null;
      delete this.heading.dataset.typed;
    }
    this.active = place;
    this.mark();
  }
  mark() {
    this.boxes.forEach((box, place) => {
      box.classList.toggle("active", place === this.active);
      this.labels[place].classList.toggle("active", place === this.active);
    });
    this.boxes[this.active]?.scrollIntoView({ block: "nearest" });
  }

  answered(question) {
    return this.answers[question.name] !== undefined;
  }
  missing() {
    return this.questions.filter((question) => question.required && !this.answered(question));
  }
}
