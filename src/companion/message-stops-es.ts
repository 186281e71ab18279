/** How one says in Spanish that one does not want to be called; see message-meaning.ts. */
import type { Stops } from './message-meaning.ts';

const FILL =
  '(?:(?:por favor|porfavor|porfa|ya|oiga|oigan|mire|miren|senor|senora|senorita|senores|hola|buenos dias|buenas(?: tardes| noches)?|gracias|bueno|pues|que|usted|ustedes|pero|asi que|ahora|de una vez) )*';
const REQUEST = `(?:(?:(?:yo )?(?:quiero|queremos|necesito|deseo|exijo|prefiero) que|(?:le|les|te|os) (?:pido|ruego|suplico|exijo) que|(?:haga|hagan|haz) el favor de|favor de|(?:puede|pueden|puedes|podria|podrian|podrias)|(?:tiene|tienen|tienes) que|deben?) ${FILL})?`;
/** Behind it: for how long, politeness, or a new beginning. "Más tarde" is for now, and so no stop. */
const TAIL =
  '(?: (?:mas(?! (?:de|tarde|temprano|pronto))|nunca|jamas|otra vez|de nuevo|por favor|porfavor|gracias|ya|ahora|ahora mismo|aqui|a (?:mi casa|esta casa|casa|este numero|mi numero|mi telefono)|de una vez por todas|de ustedes|de usted|suyas|telefonicas|ustedes|usted))*(?:$| (?:y|o|pero|porque|pues|no|estoy|esto|es|yo|ya)(?: |$))';
const TO_CALL = '(?:llamar|molestar|telefonear|acosar|marcar)(?:me|nos)?';
const CALLS =
  '(?:(?:llame|llamen|llames|llameis|telefonee|telefoneen|marque|marquen|contacte|contacten)|(?:vuelva|vuelvan|vuelvas) a (?:llamar|telefonear|marcar)(?:me|nos)?|(?:siga|sigan|sigas) llamando(?:me|nos)?)';

const asked = [
  `(?:deje|dejen|dejes|deja|dejad|dejar|pare|paren|pares|parad|parar|para)(?:me|nos)?(?: ya| por favor)* de ${TO_CALL}`,
  '(?:borre|borren|quite|quiten|saque|saquen|elimine|eliminen)(?:me|nos| (?:mi|este) numero| mi nombre) de (?:su|sus|la|las|esta) (?:listas?|base de datos)',
  '(?:yo )?no (?:quiero|deseo|queremos|deseamos|quisiera) (?:recibir |tener )?(?:mas )?(?:sus |estas |esas |las |tus )?llamadas',
  `(?:yo )?no (?:quiero|deseo|queremos|deseamos) que (?:usted |ustedes )?(?:(?:me|nos) )?(?:${CALLS}|molesten?)`,
  'no (?:mas|quiero mas) llamadas',
].join('|');

export const STOPS_ES: Stops = {
  asked: new RegExp(`^${FILL}${REQUEST}(?:${asked})${TAIL}`),
  forbidden: new RegExp(
    `^${FILL}${REQUEST}(?:no|nunca|nunca mas|jamas) (?:(?:(?:me|nos) )?${CALLS}|(?:me|nos) molest(?:e|en|es))${TAIL}`,
  ),
  forEver: /\b(?:mas|nunca|jamas|otra vez|de nuevo|vuelv(?:a|an|as)|sig(?:a|an|as))\b/,
  forNow:
    /\b(?:hoy|manana|hasta|ahora no|esta (?:noche|tarde|semana)|lunes|martes|miercoles|jueves|viernes|sabados?|domingos?|durmiendo|dormid[oa]|ocupad[oa]|fuera|viaje|medico|hospital|dentista|cita|visita|mas tarde|luego)\b/,
  others:
    /\b(?:ellos|ellas|ella|nadie|familia|familiares|hij[oa]s?|niet[oa]s?|sobrin[oa]s?|herman[oa]s?|amig[oa]s?|vecin[oa]s?|gente)\b/,
  doubt:
    /\b(?:si|cuando|ojala|espero|temo|miedo|triste|imagin\w+|suen\w+)\b|\b(?:dice|dicen|dijo|dijeron|escribio)(?: que)?$/,
  narrowed:
    /^(?:por favor )?(?:antes|despues|hasta|cuando|mientras|durante|solo|excepto|menos|tan|por la|por las|en|el|los|a (?:la|las)|hoy|manana|si)\b/,
  request: /\b(?:por favor|porfavor|porfa|pued(?:e|en|es)|podri(?:a|an|as)|favor de)\b/,
  wanted:
    /\b(?:extran(?:o|are) (?:sus|tus|las)|echo de menos|me arrepiento|(?:no|nunca|jamas) (?:me )?(?:deje|dejen|dejes|deja|paren|pare|pares) de (?:llamar|telefonear)|(?:siga|sigan|sigue) llamando)/,
};
