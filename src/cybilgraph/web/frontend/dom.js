// DOM helpers. They create elements, never markup, so that no value can inject HTML.

/** Create an element with properties and children; strings become text nodes. */
export function h(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function count(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/** Let the user download a text as a file. */
export function save(text, type, name) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Create a list of tabs, which the arrow keys switch; ``choose`` is called with the index of the chosen one. */
export function tabList(label, names, chosen, choose, ids = []) {
  const buttons = names.map((name, place) => h("button", { type: "button", role: "tab", id: ids[place], onclick: () => turn(place) }, name));
  const list = h("div", { role: "tablist", "aria-label": label }, ...buttons);
  const mark = (at) => buttons.forEach((button, place) => {
    button.setAttribute("aria-selected", String(place === at));
    button.tabIndex = place === at ? 0 : -1;
  });
  const turn = (place) => {
    mark(place);
    choose(place);
  };
  list.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length;
    buttons[next].focus();
    turn(next);
  });
  mark(chosen);
  return list;
}
