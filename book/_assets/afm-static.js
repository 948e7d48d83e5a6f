// Runs the anywidgets saved in a published page, without a kernel, RequireJS or a CDN.
//
// myst-nb writes two kinds of inert <script>: one with the state of every widget model of the
// notebook, and one in place of each view. This host plays Jupyter's part of anywidget's front-end
// contract (https://anywidget.dev/en/afm/): it gives each saved model get/set/on/off and calls the
// widget's own `initialize` and `render`. Python is not there, so `send` and `save_changes` do
// nothing: a figure that should move on the page computes in JavaScript.
(() => {
  'use strict';

  const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
  const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';
  const REFERENCE = 'IPY_MODEL_'; // how one model's state names another model

  const models = new Map(); // model id -> Model
  const modules = new Map(); // ESM source -> promise of its module

  class Model {
    constructor({ model_module, state, buffers = [] }) {
      this.isAnywidget = model_module === 'anywidget';
      this.state = { ...state };
      this.saved = ownTraits(state);
      this.handlers = new Map(); // event name -> set of callbacks
      for (const { path, data, encoding } of buffers) setAt(this.state, path, decode(data, encoding));
      this.widget_manager = { get_model: getModel };
    }
    get(key) {
      return this.state[key];
    }
    // Both forms that Backbone, and so live Jupyter, takes: set(key, value) and set({key: value}).
    set(key, value) {
      const updates = typeof key === 'object' ? key : { [key]: value };
      const changed = Object.keys(updates).filter((k) => !Object.is(this.state[k], updates[k]));
      Object.assign(this.state, updates);
      for (const k of changed) this.trigger(`change:${k}`, this, this.state[k]);
      if (changed.length) this.trigger('change', this);
    }
    on(names, callback) {
      for (const name of names.split(/\s+/)) {
        if (!this.handlers.has(name)) this.handlers.set(name, new Set());
        this.handlers.get(name).add(callback);
      }
    }
    off(names, callback) {
      for (const name of names ? names.split(/\s+/) : [...this.handlers.keys()]) {
        if (callback) this.handlers.get(name)?.delete(callback);
        else this.handlers.delete(name);
      }
    }
    trigger(name, ...args) {
      // A copy, since a callback may remove itself.
      for (const callback of [...(this.handlers.get(name) ?? [])]) callback(...args);
    }
    save_changes() {}
    send() {}
    prepare() {
      if (this.isAnywidget) this.definition().catch(() => {}); // said where it is shown
    }
    // `initialize` runs once a model, however many views show it.
    definition() {
      this.ready ??= (async () => {
        const definition = await load(this.get('_esm'));
        await definition.initialize?.({ model: this, experimental, signal });
        return (this.loaded = definition);
      })();
      return this.ready;
    }
  }

  // What the author of a widget made adjustable: its plain values, without Jupyter's own.
  function ownTraits(state) {
    const plain = ([name, value]) => !name.startsWith('_') &&
      ['number', 'string', 'boolean'].includes(typeof value) && !`${value}`.startsWith(REFERENCE);
    return Object.fromEntries(Object.entries(state).filter(plain));
  }

  const getModel = async (reference) => findModel(reference);

  function findModel(reference) {
    const model = models.get(reference.replace(REFERENCE, ''));
    if (!model) throw new Error(`its model ${reference} was not saved in the page`);
    return model;
  }

  // A page lives until it is left, so nothing here is ever aborted.
  const signal = new AbortController().signal;
  const experimental = {
    invoke: () => Promise.reject(new Error('calling Python needs a running kernel')),
  };

  function decode(data, encoding) {
    if (encoding !== 'base64') throw new Error(`unknown buffer encoding ${encoding}`);
    return new DataView(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
  }

  function setAt(root, path, value) {
    let node = root;
    for (const key of path.slice(0, -1)) node = node[key];
    node[path.at(-1)] = value;
  }

  // One import for each distinct source: every instance of a widget carries a copy of it.
  function load(source) {
    if (!modules.has(source)) modules.set(source, importSource(source));
    return modules.get(source);
  }

  async function importSource(source) {
    // A blob, because an inline module cannot be imported and a file: page may not fetch.
    const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    try {
      const { default: exported } = await import(url);
      const definition = typeof exported === 'function' ? await exported() : exported;
      if (!definition) throw new Error('its module has no default export');
      return definition;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  const styled = new Set();
  function addStyle(css) {
    if (!css || styled.has(css)) return;
    styled.add(css);
    document.head.append(Object.assign(document.createElement('style'), { textContent: css }));
  }

  // ---- The state in the page's address: #DiracExplorer.gamma=0.3&DiracExplorer.h=0.5 ----

  const named = new Map(); // name in the address -> model

  function giveName(model) {
    for (const [name, other] of named) if (other === model) return name;
    const name = (model.get('_anywidget_id') ?? 'widget').split('.').pop();
    let unique = name;
    for (let k = 2; named.has(unique); k++) unique = `${name}-${k}`;
    named.set(unique, model);
    return unique;
  }

  const isAsked = (name, hash = location.hash) =>
    hash.startsWith(`#${name}.`) || hash.includes(`&${name}.`);
  const anyAsked = (hash) => [...named.keys()].some((name) => isAsked(name, hash));

  // What the address does not name is as it was saved.
  function readAddress() {
    const asked = new URLSearchParams(location.hash.slice(1));
    for (const [name, model] of named) {
      for (const [trait, saved] of Object.entries(model.saved)) {
        const text = asked.get(`${name}.${trait}`);
        model.set(trait, text === null ? saved : parse(text, saved));
      }
    }
  }

  function parse(text, saved) {
    if (typeof saved === 'boolean') return text === 'true';
    if (typeof saved !== 'number') return text;
    return text !== '' && Number.isFinite(Number(text)) ? Number(text) : saved;
  }

  // A link to a state, and Back and Forward from or to one, restore it whole. Only they: a link to
  // a section leaves the figures as the reader has them, and is the first to its history entry.
  const SEEN = 'seen';
  function followAddress({ oldURL }) {
    const again = history.state === SEEN;
    history.replaceState(SEEN, '');
    if (anyAsked(location.hash) || (again && anyAsked(new URL(oldURL).hash))) readAddress();
  }

  function writeAddress() {
    const parameters = new URLSearchParams();
    for (const [name, model] of named) {
      for (const [trait, saved] of Object.entries(model.saved)) {
        const now = model.get(trait);
        if (!Object.is(now, saved)) parameters.set(`${name}.${trait}`, now);
      }
    }
    const hash = `${parameters}`;
    if (hash) history.replaceState(SEEN, '', `#${hash}`);
    else if (anyAsked(location.hash)) history.replaceState(SEEN, '', '#');
  }

  // Browsers refuse too many changes of the address; the last one of a drag is enough.
  let timer = 0;
  function keepInAddress(model) {
    model.on('change', () => {
      clearTimeout(timer);
      timer = setTimeout(writeAddress, 250);
    });
  }

  async function render(el, modelId) {
    try {
      const model = findModel(modelId);
      if (!model.isAnywidget) throw new Error('it needs a running kernel');
      addStyle(model.get('_css'));
      const definition = model.loaded ?? (await model.definition());
      keepInAddress(model);
      await definition.render?.({ model, el, experimental, signal });
      el.dataset.state = 'ready';
    } catch (error) {
      console.error(error);
      el.dataset.state = 'failed';
      el.setAttribute('role', 'alert');
      el.textContent = `This interactive figure could not start: ${error.message}.`;
    }
  }

  // Show what the address asks for, until the reader moves: what is drawn above may push it away.
  function stayAt(el) {
    const there = () => el.scrollIntoView({ behavior: 'instant' });
    const watcher = new ResizeObserver(() => setTimeout(there));
    const leave = () => watcher.disconnect();
    watcher.observe(document.body);
    for (const act of ['wheel', 'touchstart', 'pointerdown', 'keydown']) addEventListener(act, leave);
    setTimeout(leave, 5000);
    there();
  }

  function start() {
    for (const script of document.querySelectorAll(STATE)) {
      for (const [id, saved] of Object.entries(JSON.parse(script.textContent).state)) {
        models.set(id, new Model(saved));
      }
    }
    const pending = new Map(); // element -> model id
    const show = (el) => {
      observer.unobserve(el);
      render(el, pending.get(el));
      pending.delete(el);
    };
    // Half a screen ahead: the text appears first, and the figure is there when it is reached.
    const observer = new IntersectionObserver(
      (entries) => entries.filter((e) => e.isIntersecting).forEach((e) => show(e.target)),
      { rootMargin: '50% 0px' },
    );
    for (const view of document.querySelectorAll(VIEW)) {
      const el = document.createElement('div');
      el.className = 'anywidget-static';
      view.after(el);
      const id = JSON.parse(view.textContent).model_id;
      pending.set(el, id);
      if (models.get(id)?.isAnywidget) el.dataset.name = giveName(models.get(id));
      observer.observe(el);
    }
    readAddress();
    history.replaceState(SEEN, '');
    addEventListener('hashchange', followAddress);
    const asked = [...pending.keys()].find((el) => isAsked(el.dataset.name));
    if (asked) stayAt(asked);
    // Paper does not wait, so that by then what draws must be there.
    const idle = window.requestIdleCallback ?? setTimeout;
    idle(() => [...pending.values()].forEach((id) => models.get(id)?.prepare()));
    addEventListener('beforeprint', () => [...pending.keys()].forEach(show));
  }

  if (document.readyState === 'loading') addEventListener('DOMContentLoaded', start);
  else start();
})();
