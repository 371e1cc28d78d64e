/** Entry: hears signals from the first moment on, then runs the gateway. */

// By default SIGHUP ends a process, and who has changed the configuration sends it at any moment; loading the gateway takes a
// second. What comes before it has started is done then: the file may have been read before it was changed.
const early: NodeJS.Signals[] = [];
const remember = (signal: NodeJS.Signals): unknown => early.push(signal);
// As process 1 of a container it would not hear them at all: told to end it would start, and take calls until it is killed.
const leave = (): void => process.exit();
process.on('SIGHUP', remember).on('SIGTERM', leave).on('SIGINT', leave);
await import('./gateway.js');
process.off('SIGHUP', remember).off('SIGTERM', leave).off('SIGINT', leave);
if (early.length > 0) process.emit('SIGHUP', 'SIGHUP');
