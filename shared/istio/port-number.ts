/** True for a whole number from 1 to 65535. */
export function isPortNumber(number: number): boolean {
  return number >= 1 && number <= 65_535 && Number.isInteger(number);
}
