/** Entry: hears SIGHUP from the first moment on, then runs the gateway. */

// By default SIGHUP ends a process, and who has changed the configuration sends it at any moment; loading the gateway takes a
// second. What comes before it has started is done then: the file may have been read before it was changed.
const early: NodeJS.Signals[] = [];
const remember = (signal: NodeJS.Signals): unknown => early.push(signal);
process.on('SIGHUP', remember);
await import('./gateway.js');
process.off('SIGHUP', remember);
if (early.length > 0) process.emit('SIGHUP', 'SIGHUP');
