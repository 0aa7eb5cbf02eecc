/**
 * XXH3 against vectors of the xxHash library 0.8 (python-xxhash), one for each length from 0 to
 * 300, where all short forms and the first long texts are, and for 1,000, 10,000 and 100,000
 * bytes, where blocks are. The text is a linear congruential sequence, the same for all.
 */
import { describe, expect, it } from 'vitest';
import { SeededChance } from '../platform/platform.ts';
import { Xxh3Hasher, xxh3 } from './xxh3.ts';

const longLengths = [1000, 10_000, 100_000];
const lengths = [...Array.from({ length: 301 }, (_, i) => i), ...longLengths];

/** 16 hexadecimal digits for each length, in order. */
const vectors =
  '2d06800538d394c2e5e62017e96f839ce99f8ba75698ec0fd3bcc83c6f14e70fc7f159f34b126cb4' +
  '0276f6507033156872a650c1693a3bbaddce99c00391ea7c0f25a2a1cc43dda21e3be9699baa50cf' +
  'e084e65dfe0a0d6651e6148cfe43c18ae52e522a84ebbb71c3c6c036c6eb7714a5709eeec4d4aff8' +
  'bb9c1f12fc955b0c9ec324145cea1dcb48f3651d7436310aac796dc58d7f35848a1ca0cb1952b4b9' +
  'f3bcd7c2b1aa8877082190bfe57389000ce6a6e01badeb57b70fef028ddc79be04b1ab5b58fbfe75' +
  '2941a9f589403cc101a6d65eff2dd4bd70adeb2f1ff2d827d0b7df4147bf1d6e8b0d76b143ac8181' +
  '73ff07a433ae4b74f1e5d171a470e2f53ecd923442085a0d0afebb54eff3a3b5a9eb2c3b33415999' +
  '58b8de743131bec2f30ea8f7cf8e7cad874b916d6b4537eff3c5d2cc9012eff46aa032033bcc8a21' +
  'da8d8a8e1b47a53d873a1363d24ee0ab1519c5d662df620dd7daa5f83584b1cc9ad1c6b05f484b6e' +
  '866d7169998d5a9694623fca4a244dce4315b565e9cef92953154a6bb804c9172cc91e7564ce96ff' +
  '859a446535e45ef124f21763897367b645d0bc75a01166f7c13868e485ae5b63badf54eee5804801' +
  '8d69d10fbff82e70057b768b21cd7ca7d53edcd806f617617e5139935434399b49a3319fbbe76195' +
  '13b62ac6ac5aa52695097f9dd7cbb0980c0a50af89e2766c3a09b3bc81750e237abe508541644d25' +
  'da2a9fa52b7fadf56bf026e960c089e76971f429f811422c61308d9ef175dd246fbdc10dc90ff24b' +
  '8e8eb449ef7a504b5e42e8ff4f5740d1fa9aaac7dd1f035b726826cdc27d7fab51847a9f69aa9a44' +
  '183dc7a29170329aea9269d3b2a6e9b4f47477a7f933b2c38075b3a88e6f103fdcbce7cb0f78a899' +
  'd81a8e1ab77a3d442e1c7fe8f0ee7018817b72da962ae4068445fe5a61f6adc6087603846b20dada' +
  '21af5f7d3526003fb9991b4ed2917825e33665401f67a679b7a2c3323c51d5a80c884ab29ecb3c96' +
  '3efa43e17058acc9fe6bcbf52a0df7ee336e2ee1023d637b7380875bcfcad36740a8a65655f0ac3e' +
  '524c873deaf492a7014dbb30ecd7c6707b0a9dae42e89ff6912a0e5c6897f28f31080d55e8c0a873' +
  '41971b14889c653c58208a60493be32b112916c4fdbe60cc2822513fe69e1bb408e73d5350066c09' +
  'db2df5c910e33660527c717c7f5255402bd141f84ebd8fb57fa983f3bd2c8ee208dc4f55b5000c7f' +
  '040d23225ce96added09d8f23fbf60862d7ec58e6a6c70c7520c308f6dcc552471848a8646af6dfc' +
  'a57511d86840f42ca52a4644549e9f575912fe74c6f7554f293fea43c698fcd132b4a5d1e20e3c25' +
  '89742d75126377362f6d8f1da4d411a6f0ff87031a5bcc80deb21234fb2738437018fd1bf90ef5c3' +
  '25342d8a6fa879ec4adcf3b94274d2924d6a8b1f7d7fbafa5d813d42c0005ea8c61639b552225575' +
  'f00346a078b5065a85b02d0ff63821e98772e9095199aca60169c5aa868f92255b7fb4e929211b5f' +
  '3940e21255a41c5f5d2e2cdd31883799ad1c19940f35e197995829b4b99daa9eb308d605022bee23' +
  '11c17f46a57b9c6211a6d13a30d6f9d8269453dc675e512e59339bd5e6a8a2089e69d5b5f04a37c8' +
  '2113d2a74f92f17a0cd017431b1072b6cfefff1df3a47328a83bd6e4b447c69df3db451e34b0861a' +
  '172689f83b9c2bd2772523906e4acbb3e9443c4a40e6f4004678e2a02bb74b4a01b05bb741bae05b' +
  'cac520f17cac474041d2b9f21f8d1146f5f0a7e512db2db7efd9897aea3983502cdc95962ffe0460' +
  '1a272864fbc79765b2687468724a2899f237a4fad57e8ded3cb4ddefae7eaf86f4364000d7e68963' +
  '6fae0493853c86f7035af1c485cf94b97d7b29e80d156578982fb6754ae1a63664e4b1c2db5585c8' +
  '34f67f22a15a22a03054cab92440359cac6f39321b402a19964aee1b4d849c33cb435901de1180ad' +
  '163bff8c0b22d0048b95642a6cc19f57ad6eaf68a647222caea3b5c9d58b6d8eb476ea80d7310397' +
  'be0d2fcdfe8d218a9178765420a20afa6714d20b382b5273047713135da3c0abe98301891c1294ac' +
  '6b6966e43dc2e54c56ac26f3b1cca25b713bbec72aad0f246a6d8decf319bac7d37fd531826ca276' +
  '181a6bb98fa09640b6831cf51f4f16f2ac71bbf3ac198a58f68f6556ea8d0dec6d1bb0ee88788cd9' +
  'ef3fab98960e4a76a56eebf5de599b5b1398a22e00999a1bf48a461e3a7403af166e100b829ab4d9' +
  'aea1c4e1114bf7dbd8f2ce19acff171fa94b03d772624a9540fc48248b07dcded2313cc80970e6b6' +
  '6a4b56c4d4bec25b66aacff81aa8640845ca221813fed56e5cebdfa818ea22b1ba482826a46af1fc' +
  '56a1d65e4bd80f4a6757b801bbea07a6b57b0c1cf3cd9ad211fb47bf08e55f32f38d84a6d7c4ee1f' +
  '5979d51dd3483f5c3d67162f836a0babc4244e36f8346c315fdf99da8e87896f10790260f3e2c902' +
  '95cbfe642b059b8752357355bbbefd05ede618efddc24a4eaf4277cb512d4636e6ef745595a5dc90' +
  '8f44d975364d51f3dd43437e1c2527769120c07bcbf865e5b78713452c5763db872ad9a28412bc1b' +
  '1a7657e7aa1eb7e04197731507ab54631f8b7b04be4653aad25033a1a424942e0b6983905c7792ed' +
  '93b7097ecc6ca4087ec631f90593776484fcd29bb4f76fafc1d1cf894b323c709baab2789601e92a' +
  '7d85b8d4f8b10c825c56141c894cd97ed663de7bd4cfe49f334283a0f61a6336cbc5eee918ad52fe' +
  '6c225a21e3dcfca7355926c42b27c949c5063cd0f74c171bb870c81792d27a87400859ecd905d7e3' +
  '2e6e0a0a3706b9d8dd01ff474cec9cc5525c425f2bbbdc247b9d67eeb9ca71f073653320c93060a5' +
  'a88268bb584966d3cdb34974678d6687b5c3cd9c180a14b735ec33f1e6292e63b34b32d7b06cc535' +
  '50a1f0391c7ac1dd5efd28d16fb5603fa07e63be70c906b675e5fcd7b47778ec6b46a68d3f314840' +
  '4db433d428e76cf732b91b284619d87ffc00332555c51dc90ad3c9349a1caef45f035785ea1d794f' +
  'dd90fae6e08908e5493efe22f0c2f0ca79883ed70560c4d0bac3156aa3ad8c70774f02dfe40d3548' +
  'f5d68ddd8b4ff1deec0d6bccbd0c0bdd2d684f89a81e4f87c039a5ccd6b4e83d64f4d0421fd42fe6' +
  '09cb63d6478f0edb2541f7235ba2532eeffeefa0b881f81bbdc799b14531c4c31466fd7186fd4323' +
  'bd842fa729cc49bc5853192bb1b9b46640e5b51792a21f27ba23077816d6c51c02a89cbc45eb6eae' +
  'f0f47d3850939a45611004175dc1cb8c78afd2bc8cd5ca1fca7fdd0da11253da4d4020a0a168db1d' +
  '22af6a60aa90d1f9fb039b6e9ed3fdf10ba734be99b8b68b339a10fa70b77fce9fc985828f0040b5' +
  '127af53180893172e106af998512cee7ac818400117d2379a17aee0fec64d284';

function makeText(): Uint8Array {
  const text = new Uint8Array(100_000);
  let state = 1;
  for (let i = 0; i < text.length; i++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    text[i] = state >> 16;
  }
  return text;
}

const text = makeText();
const vectorOf = (index: number): string => vectors.slice(index * 16, index * 16 + 16);
const hex = (hash: bigint): string => hash.toString(16).padStart(16, '0');

describe('xxh3', () => {
  it('gives the published hash of nothing', () => {
    expect(xxh3(new Uint8Array(0), 0, 0)).toBe(0x2d06800538d394c2n);
  });

  it('gives the hash of the xxHash library at every length', () => {
    lengths.forEach((length, i) => {
      expect(hex(xxh3(text, 0, length)), `${String(length)} bytes`).toBe(vectorOf(i));
    });
  });

  it('reads from any place', () => {
    for (const length of [3, 8, 16, 100, 200, 257, 1000]) {
      const shifted = new Uint8Array(length + 5);
      shifted.set(text.subarray(0, length), 3);
      expect(xxh3(shifted, 3, length)).toBe(xxh3(text, 0, length));
    }
  });
});

describe('Xxh3Hasher', () => {
  it('does not depend on the cut into pieces, and answers after every piece', () => {
    const seed = 3;
    const chance = new SeededChance(seed);
    const hasher = new Xxh3Hasher();
    for (let round = 0; round < 60; round++) {
      const pieceBytesMax = [1, 7, 64, 65, 255, 256, 257, 300, 1024, 5000][round % 10] ?? 1;
      const totalBytes = Math.min(text.length, pieceBytesMax * 40);
      hasher.reset();
      for (let at = 0; at < totalBytes;) {
        const wanted = round < 10 ? pieceBytesMax : (chance.next32() >>> 0) % (pieceBytesMax + 1);
        const bytes = Math.min(wanted, totalBytes - at);
        hasher.update(text, at, bytes);
        at += bytes;
        const note = `seed ${String(seed)}, round ${String(round)}, after ${String(at)} bytes`;
        if ((chance.next32() & 7) === 0) expect(hasher.digest(), note).toBe(xxh3(text, 0, at));
      }
      expect(hasher.digest(), `seed ${String(seed)}`).toBe(xxh3(text, 0, totalBytes));
    }
  });

  it('gives the long vectors byte by byte too', () => {
    longLengths.forEach((length, i) => {
      const hasher = new Xxh3Hasher();
      for (let at = 0; at < length; at++) hasher.update(text, at, 1);
      expect(hex(hasher.digest())).toBe(vectorOf(301 + i));
    });
  });
});
