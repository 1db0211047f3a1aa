interface AvatarProps {
  readonly name: string;
  readonly className?: string;
  /** Shown as a mark of its own shape and colour at the corner. */
  readonly presence?: string;
}

const COLOURS = 8;

/** A coloured initial; pictures of other hosts are never loaded. It only repeats what words say, so it is not read out. */
export function Avatar({ name, className = "", presence }: AvatarProps) {
  const initial = initialOf(name);
  return (
    <span className={`avatar avatar-${String(colourOf(name))} ${className}`} aria-hidden="true">
      {initial}
      {presence !== undefined && <span className="presence" data-presence={presence} />}
    </span>
  );
}

/** By code point, or an emoji at the front of a name would be cut in half. */
function initialOf(name: string): string {
  const first = name.codePointAt(0);
  return first === undefined ? "?" : String.fromCodePoint(first).toUpperCase();
}

/** The same name has the same colour everywhere. */
export function colourOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  return hash % COLOURS;
}
