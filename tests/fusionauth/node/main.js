'use strict';
// Runs one of the programs beside it: node main.js NAME. Each check tells a line of its own.

const programs = {
  bad_inputs: require('./bad_inputs.js'),
  bootstrapped: require('./bootstrapped.js'),
  dotnet: require('./dotnet.js'),
  java: require('./java.js'),
  node: require('./node.js'),
  typescript: require('./typescript.js'),
  workflow: require('./workflow.js'),
};

programs[process.argv[2]]().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
