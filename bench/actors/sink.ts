/** An actor that counts trades, the fields of which it declares. */
import { defineActor } from 'sanswitch';
import { CONTROL, type Trade } from './control.js';

export default defineActor<Trade, Int32Array>({
  message: { sequence: 'i32', price: 'f64', isBid: 'bool' },
  create: (control) => () => {
    (control[CONTROL.done] as number)++;
  },
});
