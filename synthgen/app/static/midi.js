/** Plays the notes of every MIDI keyboard; `onPress(source, pitch, time, velocity)`, `onRelease(source)`. Returns their names. */
async function connectMidi({ onPress, onRelease, onDevices }) {
  const access = await navigator.requestMIDIAccess();
  const receive = ({ data, timeStamp }) => {
    const [status, pitch, velocity] = data;
    const kind = status & 0xf0;
    const source = `midi ${status & 0x0f} ${pitch}`;
    if (kind === 0x90 && velocity > 0) onPress(source, pitch, timeStamp, velocity);
    else if (kind === 0x80 || kind === 0x90) onRelease(source);
  };
  const attach = () => {
    const inputs = [...access.inputs.values()];
    for (const input of inputs) input.onmidimessage = receive;
    onDevices(inputs.filter((input) => input.state !== "disconnected").map((input) => input.name));
  };
  access.onstatechange = attach;
  attach();
}

/** The learned velocity nearest to one that was played; any velocity where a model has learned none. */
function nearest(values, value) {
  return values.reduce((best, v) => (Math.abs(v - value) < Math.abs(best - value) ? v : best), values[0] ?? value);
}
