// Prints the Khronos validator's report on a .glb or .gltf as JSON: node check.js FILE
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const validator = createRequire(path.join(process.cwd(), "package.json"))("gltf-validator");
const file = process.argv[2];

validator
  .validateBytes(new Uint8Array(fs.readFileSync(file)), {
    uri: path.basename(file),
    maxIssues: 0,
    externalResourceFunction: (uri) =>
      Promise.resolve(new Uint8Array(fs.readFileSync(path.join(path.dirname(file), decodeURIComponent(uri))))),
  })
  .then((report) => process.stdout.write(JSON.stringify(report)))
  .catch((error) => {
    process.stderr.write(String(error));
    process.exit(1);
  });
