/**
 * The unit of conversion, ownership and publishing: `interface/com.acme.Order`, `application/shop`. The names are
 * the registry's; a resource never moves from one unit to another.
 */
export type Unit = string;
