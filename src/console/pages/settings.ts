import { isLanguage } from '../i18n/index.js';
import type { Route } from '../route.js';
import { columnsOf } from '../view/columns.js';
import { ownAddress, THEMES, type Theme, type Visit } from '../visit.js';

/** What people choose for themselves; kept in cookies of their browser. */
export function settingsRoutes(): Route[] {
  return [
    { method: 'post', path: '/settings', needs: 'open', handle: setLook },
    { method: 'post', path: '/settings/columns', needs: 'calls:read', handle: setColumns },
  ];
}

function setLook(visit: Visit): void {
  const [language, theme] = [visit.field('language'), visit.field('theme')];
  if (isLanguage(language)) visit.parts.cookies.set('language', language);
  if (THEMES.includes(theme as Theme)) visit.parts.cookies.set('theme', theme);
  goBack(visit, '/');
}

function setColumns(visit: Visit): void {
  // Whoever sends no form has no body at all.
  const body = visit.req.body as { column?: string | string[] } | undefined;
  visit.parts.cookies.set('columns', columnsOf([body?.column ?? []].flat().join('.')).join('.'));
  goBack(visit, '/calls');
}

function goBack(visit: Visit, home: string): void {
  visit.go(ownAddress(visit.field('back')) ?? home);
}
