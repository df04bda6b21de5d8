// Preloaded into a process (NODE_OPTIONS=--import) to set its wall clock wrong, as that of a badly kept machine is.
const shiftMs = Number(process.env.TEST_CLOCK_SHIFT_MS ?? '0');
const RealDate = Date;

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(RealDate.now() + shiftMs);
    else super(...args);
  }

  static now() {
    return RealDate.now() + shiftMs;
  }
};
