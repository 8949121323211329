// How a reader likes the page, kept by this browser from case to case and until the study is over.
// A study is known by its title: its name may tell what is studied, and never leaves the server.

const key = (study) => `evalsuite-preferences-${study.title}`;

export function load(study) {
  return JSON.parse(localStorage.getItem(key(study)) ?? "{}");
}
export function save(study, changes) {
  localStorage.setItem(key(study), JSON.stringify({ ...load(study), ...changes }));
}
