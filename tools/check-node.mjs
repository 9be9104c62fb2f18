// First thing every npm script does. Plain JavaScript, so that an old Node can still say what is wrong.
const major = Number(process.versions.node.split('.')[0]);
if (major < 26) {
  console.error(
    `Latchkey needs Node.js 26 or newer, and this is ${process.version}.\n` +
      'Run it through npm ("npm test", "npm run demo"): "npm ci" installs Node 26 into node_modules and puts it\n' +
      'first on the PATH of every npm script. If you did, install scripts were blocked: see "allowScripts" in package.json.',
  );
  process.exit(1);
}
