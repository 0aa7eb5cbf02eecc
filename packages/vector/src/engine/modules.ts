/**
 * The compiled engine, chosen for this platform: relaxed SIMD where it is there (about 9 % faster),
 * plain SIMD else. Compiled once a process, on first use. Both give the same graphs except for last
 * bits of f32 distances, and read the same images.
 */
import { RELAXED_BASE64 } from './relaxed-bytes.ts';
import { SIMD_BASE64 } from './simd-bytes.ts';

/** Which engine: `auto` asks the platform. */
export type EngineVariant = 'auto' | 'simd' | 'relaxed';

/** The smallest module with a relaxed dot product: valid where relaxed SIMD is. */
const PROBE = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15,
  65, 2, 253, 15, 253, 128, 2, 11,
);

const compiled = new Map<string, WebAssembly.Module>();

/** True where this platform has relaxed SIMD. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(PROBE);
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64.replaceAll('\n', ''));
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The module of a variant, compiled at the first call. */
export function engineModule(variant: EngineVariant): WebAssembly.Module {
  const name = variant === 'auto' ? (hasRelaxedSimd() ? 'relaxed' : 'simd') : variant;
  let module = compiled.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(decode(name === 'simd' ? SIMD_BASE64 : RELAXED_BASE64));
    compiled.set(name, module);
  }
  return module;
}
