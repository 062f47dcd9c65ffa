import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";

/** A value that cannot be printed by accident. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** Call at the last moment; easy to search for. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** X25519 keys of a worker, as base64 of their DER forms. */
export function newSealingKeys(): { publicKey: string; privateKey: string } {
  const pair = generateKeyPairSync("x25519");
  return {
    publicKey: pair.publicKey.export({ type: "spki", format: "der" }).toString("base64"),
    privateKey: pair.privateKey.export({ type: "pkcs8", format: "der" }).toString("base64"),
  };
}

export function publicKeyOf(privateKey: string): string {
  return createPublicKey(readPrivate(privateKey)).export({ type: "spki", format: "der" }).toString("base64");
}

/** Seals for the holder of the private key: one-time public key, nonce, tag, ciphertext (X25519, HKDF-SHA256, AES-256-GCM). */
export function seal(secret: Secret, publicKey: string): Buffer {
  const oneTime = generateKeyPairSync("x25519");
  const shown = oneTime.publicKey.export({ type: "spki", format: "der" }).subarray(-KEY_BYTES);
  const key = sharedKey(oneTime.privateKey, readPublic(publicKey), shown);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(secret.reveal(), "utf8"), cipher.final()]);
  return Buffer.concat([shown, nonce, cipher.getAuthTag(), sealed]);
}

/** Throws where the key is another one or a byte has changed. */
export function unseal(sealed: Uint8Array, privateKey: string): Secret {
  const bytes = Buffer.from(sealed);
  const shown = bytes.subarray(0, KEY_BYTES);
  const own = readPrivate(privateKey);
  const spki = createPublicKey(own).export({ type: "spki", format: "der" });
  const theirs = createPublicKey({ key: Buffer.concat([spki.subarray(0, -KEY_BYTES), shown]), type: "spki", format: "der" });
  const nonce = bytes.subarray(KEY_BYTES, KEY_BYTES + NONCE_BYTES);
  const tag = bytes.subarray(KEY_BYTES + NONCE_BYTES, KEY_BYTES + NONCE_BYTES + TAG_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", sharedKey(own, theirs, shown), nonce);
  decipher.setAuthTag(tag);
  return new Secret(
    Buffer.concat([decipher.update(bytes.subarray(KEY_BYTES + NONCE_BYTES + TAG_BYTES)), decipher.final()]).toString("utf8"),
  );
}

function sharedKey(own: KeyObject, theirs: KeyObject, salt: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", diffieHellman({ privateKey: own, publicKey: theirs }), salt, "farhand secret 1", 32));
}

const readPrivate = (key: string) => createPrivateKey({ key: Buffer.from(key, "base64"), type: "pkcs8", format: "der" });
const readPublic = (key: string) => createPublicKey({ key: Buffer.from(key, "base64"), type: "spki", format: "der" });
