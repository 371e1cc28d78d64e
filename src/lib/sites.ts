/** Whether what belongs to `site` is among what a key or a user may see; what belongs to none only those see who see all. */
export function isAmong(sites: readonly string[] | null, site: string | null): boolean {
  return sites === null || (site !== null && sites.includes(site));
}
