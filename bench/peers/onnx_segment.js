// Times one segment in ONNX Runtime: node onnx_segment.js ONNXRUNTIME_FOLDER MODEL.onnx THREADS REPEATS; prints the median in ms.
// Input: the floats of MODEL.onnx.input, the positions and tokens on the command line's model are written by peers.py.
const [folder, path, threads, repeats] = process.argv.slice(2);
const ort = require(folder);
const fs = require('fs');
(async () => {
  const session = await ort.InferenceSession.create(path, {intraOpNumThreads: +threads, interOpNumThreads: 1,
    extra: {session: {intra_op: {allow_spinning: '0'}}}});
  const {shape, tokens} = JSON.parse(fs.readFileSync(path + '.json'));
  const count = shape.reduce((a, b) => a * b);
  const raw = fs.readFileSync(path + '.input');
  const state = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + 8 * count));
  const feeds = {zH: new ort.Tensor('float32', state.slice(0, count), shape), zL: new ort.Tensor('float32', state.slice(count), shape),
    tokens: new ort.Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length])};
  await session.run(feeds);
  const times = [];
  for (let i = 0; i < +repeats; ++i) {
    const begin = process.hrtime.bigint();
    await session.run(feeds);
    times.push(Number(process.hrtime.bigint() - begin) / 1e6);
  }
  times.sort((a, b) => a - b);
  console.log(times[times.length >> 1]);
})();
