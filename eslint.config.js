import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** Arrows run downwards only: docs/architecture.md says who may import whom; this is what makes it true. */
const layer = (files, forbidden, ignores = []) => ({
  files: [`src/${files}`],
  ignores: ignores.map((file) => `src/${file}`),
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^(\\.\\./)+(${forbidden.folders.join('|')})(/|$)`,
            message: 'This folder must not know that one: see docs/architecture.md.',
          },
          ...(forbidden.packages?.length
            ? [
                {
                  regex: `^(${forbidden.packages.join('|')})(/|$)`,
                  message: 'This package has one home: see docs/architecture.md.',
                },
              ]
            : []),
        ],
      },
    ],
  },
});

const vendors = [
  ...['express', 'sequelize', 'sqlite3', 'pg', 'umzug', 'axios', 'atlassian-connect-express'],
  'prom-client',
  'graphile-worker',
];
const without = (...allowed) => vendors.filter((name) => !allowed.includes(name));
const adapters = ['bitbucket', 'backends', 'storage', 'vault'];
const outer = ['doors', 'queue', 'actions', 'sandbox', 'config'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'data/', 'coverage/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false } },
      ],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNullish: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    // node:test-style suites: mocha's describe/it take async functions whose promise mocha awaits.
    files: ['test/**/*.ts'],
    rules: { 'no-console': 'off', '@typescript-eslint/no-misused-promises': 'off' },
  },
  {
    files: ['public/**/*.js', 'forge/**/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'window document fetch setTimeout clearTimeout setInterval clearInterval URLSearchParams FormData location',
          'MutationObserver ResizeObserver AbortController Intl CSS HTMLElement Element console DOMParser CustomEvent',
          'navigator sessionStorage URL requestAnimationFrame Node HTMLFormElement HTMLInputElement history AP parent',
        ]
          .join(' ')
          .split(' ')
          .map((name) => [name, 'readonly']),
      ),
    },
  },
  {
    // The environment is read once, in config/; everything else is handed what it needs.
    files: ['src/**/*.ts'],
    ignores: ['src/config/env.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'Only config/env.ts reads the environment.',
        },
      ],
    },
  },
  layer('core/**/*.ts', {
    folders: [...outer, ...adapters, 'lib'],
    packages: [...vendors, 'node:.*', 'pino', 'helmet', 'jsonwebtoken', 'picomatch'],
  }),
  layer('lib/**/*.ts', { folders: [...outer, ...adapters, 'core'], packages: without('axios') }),
  layer('config/**/*.ts', {
    folders: ['doors', 'queue', 'actions', 'sandbox', ...adapters],
    packages: vendors,
  }),
  layer('actions/**/*.ts', {
    folders: ['doors', 'queue', 'sandbox', 'config', ...adapters],
    packages: vendors,
  }),
  layer('queue/**/*.ts', {
    folders: ['doors', 'sandbox', 'config', ...adapters],
    packages: without('graphile-worker'),
  }),
  layer('bitbucket/**/*.ts', {
    folders: [...outer, 'backends', 'storage', 'vault'],
    packages: vendors,
  }),
  layer('backends/**/*.ts', {
    folders: [...outer, 'bitbucket', 'storage', 'vault'],
    packages: vendors,
  }),
  layer('vault/**/*.ts', {
    folders: [...outer, 'bitbucket', 'backends', 'storage'],
    packages: vendors,
  }),
  layer('storage/**/*.ts', {
    folders: [...outer, 'bitbucket', 'backends', 'vault'],
    packages: without('sequelize', 'sqlite3', 'pg', 'umzug'),
  }),
  layer(
    'doors/**/*.ts',
    {
      folders: ['queue', 'sandbox', 'storage', 'backends', 'vault', 'config'],
      packages: without('express', 'prom-client'),
    },
    ['doors/connect/**/*.ts'],
  ),
  layer('doors/connect/**/*.ts', {
    folders: ['queue', 'sandbox', 'storage', 'backends', 'vault', 'config'],
    packages: without('express', 'atlassian-connect-express'),
  }),
  layer('sandbox/**/*.ts', {
    folders: ['doors', 'queue', 'actions', 'config', 'core', 'lib', ...adapters],
    packages: vendors.filter((name) => name !== 'express'),
  }),
);
