// The page's engine without a page: README's puzzle gives README's answer, puzzles of every model come to an end, and
// what cannot be is refused. node page_test.js HRM_JS
'use strict';
const assert = require('assert');
const page = require(require('path').resolve(process.argv[2]));

const solve = (engine, budget) => {
  assert(engine._hrm_start());
  for (let ticks = 1; ; ++ticks) if (engine._hrm_tick(budget)) return ticks;
};

page().then((engine) => {
  const open = (kind, side) => engine.ccall('hrm_open', 'number', ['string', 'number'], [kind, side]);
  const trouble = () => engine.ccall('hrm_trouble', 'string', [], []);

  assert(open('sudoku', 6));
  [...'..1..65...2.1.4....2......2..1...4..'].forEach((c, i) => engine._hrm_put(i, c === '.' ? 1 : Number(c) + 1));
  for (const budget of [1e6, 0]) {  // in one go, and as slowly as can be: the same
    solve(engine, budget);
    let answer = '';
    for (let i = 0; i < 36; ++i) answer += engine._hrm_seen(i) - 1;
    assert.strictEqual(answer, '231546546123164235325614452361613452');
    assert.strictEqual(engine._hrm_segments(), 5);
    assert(engine._hrm_halted() && engine._hrm_solved() && engine._hrm_q_halt() > engine._hrm_q_continue());
    assert(engine._hrm_sure(0) > 0.9 && engine._hrm_sure(0) <= 1);
  }
  engine._hrm_put(1, 2);  // two ones in a row
  solve(engine, 1e6);
  assert(!engine._hrm_solved() && engine._hrm_view() === 0);
  engine._hrm_put(0, 99);
  assert(!engine._hrm_start());
  assert(/vocabulary|token/.test(trouble()), trouble());

  for (const [kind, side, most] of [['sudoku', 6, 5], ['sudoku', 9, 4], ['maze', 7, 5], ['maze', 15, 4]]) {
    assert(open(kind, side), trouble());
    let solved = 0, views = 0;
    for (let seed = 1; seed <= most; ++seed) {
      assert(engine._hrm_deal(seed), trouble());
      solve(engine, 8);
      assert(engine._hrm_segments() >= 1);
      solved += engine._hrm_solved();
      for (let i = 0; engine._hrm_solved() && kind === 'sudoku' && i < side * side; ++i)
        assert(engine._hrm_given(i) === 1 || engine._hrm_given(i) === engine._hrm_seen(i));
      views += engine._hrm_view();
    }
    console.log(`${kind}${side}: ${solved} of ${most} solved, ${views} looks through a symmetry`);
    assert(solved >= most - 1);
    assert(kind !== 'sudoku' || side !== 9 || views > 0);  // of these it does not solve every one at first
  }
  assert(!open('sudoku', 7));
  assert(/sudoku7/.test(trouble()), trouble());
}).catch((error) => {
  console.error(error.stack.slice(-2000));
  process.exit(1);
});
