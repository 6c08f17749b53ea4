// Compiles a plugin: `node node_modules/payhub-processor-sdk/build.mjs src/plugin.js acme.wasm`, in the plugin's folder.
//
// The compiler is the plugin's own development dependency, called here with all that the hub's sandbox wants: no
// WASI, no async functions, and the smallest engine. Its command would do the same, but not in Node.js 18.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [source, target] = process.argv.slice(2);
if (source === undefined || target === undefined || !existsSync(source)) {
  console.error("usage: build.mjs SOURCE.js TARGET.wasm, where SOURCE.js is there");
  process.exit(2);
}

/** The folder that the compiler may read: the plugin's, with what npm put there. */
const root = process.cwd();
const { componentize } = createRequire(join(root, "package.json"))("componentize-qjs");
const { component } = await componentize({
  witPath: fileURLToPath(new URL("processor.wit", import.meta.url)),
  jsSource: readFileSync(source, "utf8"),
  jsPath: resolve(source),
  moduleRoot: root,
  stubWasi: true,
  sync: true,
  optSize: true,
});
writeFileSync(target, component);
console.log(`${target}: ${component.length} bytes`);
