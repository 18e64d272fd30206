import { DataTypes } from 'sequelize';

/** Columns as every migration makes them. Never changed: a migration that was applied must mean the same for ever. */
export const id = { type: DataTypes.TEXT, primaryKey: true, allowNull: false } as const;
export const text = { type: DataTypes.TEXT, allowNull: false } as const;
export const maybeText = { type: DataTypes.TEXT, allowNull: true } as const;
/** Unix ms, counters and flags: one type that both databases read back as a number. */
export const integer = { type: DataTypes.BIGINT, allowNull: false } as const;
export const maybeInteger = { type: DataTypes.BIGINT, allowNull: true } as const;
