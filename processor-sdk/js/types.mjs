// Writes contract.d.ts from the contract's JSON Schema; with --check it only says whether that is up to date.
//
// Written here, because the generators that there are do not know JSON Schema 2020-12: they lose pairs
// (`prefixItems`) and repeat a type for every description beside a `$ref`.

import { readFileSync, writeFileSync } from "node:fs";

const schemaFile = new URL("../schema/contract-v1.json", import.meta.url);
const typesFile = new URL("contract.d.ts", import.meta.url);

/** What the schema may say about one value. @typedef {Record<string, any>} Schema */

/** Widest line of a comment, in characters. */
const WIDTH_CHARS = 110;

/** @param {string | undefined} text @param {string} indent */
function comment(text, indent) {
  if (!text) return "";
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const line = lines[lines.length - 1] ?? "";
    if (line !== "" && indent.length + 3 + line.length + 1 + word.length > WIDTH_CHARS) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`;
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}\n`).join("")}${indent} */\n`;
}

/** @param {Schema} schema @param {string} indent */
function object(schema, indent) {
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const mark = required.has(name) ? "" : "?";
    return `${comment(field.description, `${indent}  `)}${indent}  ${name}${mark}: ${type(field, `${indent}  `)};\n`;
  });
  const rest = schema.additionalProperties;
  if (rest === true || typeof rest === "object") {
    fields.push(`${indent}  [name: string]: ${rest === true ? "unknown" : type(rest, indent)};\n`);
  }
  return `{\n${fields.join("")}${indent}}`;
}

/** @param {Schema[]} variants @param {string} indent */
function union(variants, indent) {
  const texts = variants.map((variant) => type(variant, indent));
  return [...new Set(texts)].join(" | ");
}

/** @param {Schema} schema */
function array(schema, indent = "") {
  if (schema.prefixItems) return `[${schema.prefixItems.map((/** @type {Schema} */ item) => type(item, indent)).join(", ")}]`;
  const item = type(schema.items, indent);
  return /[|&]/.test(item) && !item.startsWith("[") ? `(${item})[]` : `${item}[]`;
}

/** The TypeScript type of a schema. @param {Schema} schema @param {string} indent @returns {string} */
function type(schema, indent) {
  const parts = [];
  if (schema.$ref) parts.push(schema.$ref.replace("#/$defs/", ""));
  if (schema.properties || (schema.type === "object" && !schema.oneOf && !schema.$ref)) parts.push(object(schema, indent));
  for (const variants of [schema.oneOf, schema.anyOf]) {
    if (variants) parts.push(union(variants, indent));
  }
  if (parts.length > 0) return parts.map((part) => (parts.length > 1 && part.includes(" | ") ? `(${part})` : part)).join(" & ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const names = Array.isArray(schema.type) ? schema.type : [schema.type];
  const named = names.map((name) => {
    switch (name) {
      case "integer":
      case "number":
        return "number";
      case "string":
      case "boolean":
      case "null":
        return name;
      case "array":
        return array(schema, indent);
      case undefined:
        return "unknown";
      default:
        throw new Error(`the schema says ${JSON.stringify(schema)}, which has no type here`);
    }
  });
  return named.join(" | ");
}

const schema = JSON.parse(readFileSync(schemaFile, "utf8"));
const types = Object.entries(schema.$defs).map(
  ([name, definition]) => `${comment(definition.description, "")}export type ${name} = ${type(definition, "")};\n`,
);
const written = `// Made by \`npm run types\` from schema/contract-v1.json. Do not edit.\n\n${types.join("\n")}`;

if (process.argv.includes("--check")) {
  const kept = readFileSync(typesFile, "utf8");
  if (kept !== written) {
    console.error("contract.d.ts is not what schema/contract-v1.json says: npm run types");
    process.exit(1);
  }
} else {
  writeFileSync(typesFile, written);
}
