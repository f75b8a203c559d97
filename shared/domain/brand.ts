/**
 * The one way to make a nominal type. A brand costs nothing at run time; its only cast lives in the file that mints it.
 */
declare const tag: unique symbol;

export type Brand<Base, Name extends string> = Base & { readonly [tag]: Name };
