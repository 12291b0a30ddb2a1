// Loaded into Prism before it starts: Prism passes over a schema that its validator cannot compile as if it were kept.
const { createRequire } = require("node:module");
const path = require("node:path");

const packages = path.join(path.dirname(process.argv[1]), "..", "@stoplight", "prism-http", "package.json");
const prism = createRequire(packages);
for (const draft of ["ajv", "ajv/dist/2019", "ajv/dist/2020"]) {
  const { prototype } = prism(draft).default;
  const { compile } = prototype;
  prototype.compile = function (schema, ...more) {
    try {
      return compile.call(this, schema, ...more);
    } catch (error) {
      console.log(`A schema that Prism cannot read: ${error.message}: ${JSON.stringify(schema).slice(0, 200)}`);
      throw error;
    }
  };
}
