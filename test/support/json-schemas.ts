import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

type Check = (value: unknown) => ErrorObject[];

/** A validator that is not ours. */
export function validator(schema: object): Check {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  return (value) => (validate(value) ? [] : (validate.errors ?? []));
}

/** The same for schemas that are parts of one `document` and refer to others of it by `#/…`. */
export function validatorIn(document: object): (schema: object, value: unknown) => ErrorObject[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'document', ...document });
  return (schema, value) => {
    const part = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"document#/')) as object;
    const validate = ajv.compile(part);
    return validate(value) ? [] : (validate.errors ?? []);
  };
}
