// Changes one element into another with minimal changes, so that focus, selection and the keyboard cursor stay.
const KEPT_ATTRIBUTES = new Set(["data-cursor", "open", "data-local-time-of"]);

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) if (!to.hasAttribute(name) && !KEPT_ATTRIBUTES.has(name)) from.removeAttribute(name);
  for (const { name, value } of to.attributes) if (from.getAttribute(name) !== value) from.setAttribute(name, value);
}

function morphChildren(from, to) {
  const target = [...to.childNodes];
  const present = [...from.childNodes];
  for (let i = target.length; i < present.length; i++) present[i].remove();
  target.forEach((node, i) => (i < present.length ? morph(present[i], node) : from.append(node)));
}

export function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || from.id !== to.id) {
    from.replaceWith(to);
    return to;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
    return from;
  }
  morphAttributes(from, to);
  morphChildren(from, to);
  return from;
}

export function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}
